//! Reply shapes: what handlers give back. How a shape looks on the wire is `resp::write`'s business.

use crate::resp::write::Writer;
use alloc::vec::Vec;

/// Something that can be written as one reply.
pub trait Reply {
    fn write(self, writer: &mut Writer<'_>);
}

/// What a row promises to answer, for generated types and documentation.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// `OK`.
    Ok,
    /// A status other than OK.
    Status,
    Integer,
    /// An integer that is 0 or 1 and means a truth.
    Truth,
    Double,
    Bulk,
    Array(&'static Shape),
    /// Keys and values: a flat array in RESP2.
    Map(&'static Shape),
    Set(&'static Shape),
    /// A cursor and the elements of one step of a SCAN.
    Scan(&'static Shape),
    /// Members with scores.
    Scored,
    /// Or null.
    Maybe(&'static Shape),
    /// One push for each name, in place of a reply.
    Pushed,
    /// Depends on the arguments.
    Any,
}

/// `+OK`.
pub struct Ok;

impl Reply for Ok {
    fn write(self, writer: &mut Writer<'_>) {
        writer.ok();
    }
}

/// A status line.
pub struct Simple(pub &'static str);

impl Reply for Simple {
    fn write(self, writer: &mut Writer<'_>) {
        writer.simple(self.0);
    }
}

impl Reply for i64 {
    fn write(self, writer: &mut Writer<'_>) {
        writer.int(self);
    }
}

impl Reply for usize {
    fn write(self, writer: &mut Writer<'_>) {
        writer.int(i64::try_from(self).unwrap_or(i64::MAX));
    }
}

impl Reply for u64 {
    fn write(self, writer: &mut Writer<'_>) {
        writer.int(i64::try_from(self).unwrap_or(i64::MAX));
    }
}

/// 1 or 0.
impl Reply for bool {
    fn write(self, writer: &mut Writer<'_>) {
        writer.int(i64::from(self));
    }
}

/// A double: a bulk string in RESP2.
impl Reply for f64 {
    fn write(self, writer: &mut Writer<'_>) {
        writer.double(self);
    }
}

impl Reply for &[u8] {
    fn write(self, writer: &mut Writer<'_>) {
        writer.bulk(self);
    }
}

impl Reply for Vec<u8> {
    fn write(self, writer: &mut Writer<'_>) {
        writer.bulk(&self);
    }
}

impl<T: Reply> Reply for Option<T> {
    fn write(self, writer: &mut Writer<'_>) {
        match self {
            Some(reply) => reply.write(writer),
            None => writer.null(),
        }
    }
}

/// An array of replies.
impl<T: Reply> Reply for Vec<T>
where
    T: NotByte,
{
    // Every command would have a copy of its own.
    #[inline(never)]
    fn write(self, writer: &mut Writer<'_>) {
        writer.array(self.len());
        for reply in self {
            reply.write(writer);
        }
    }
}

/// Marks what may stand in an array; bytes are no replies of their own.
pub trait NotByte {}
impl NotByte for i64 {}
impl NotByte for bool {}
impl NotByte for f64 {}
impl NotByte for Vec<u8> {}
impl<T> NotByte for Option<T> {}
impl NotByte for &[u8] {}

/// The null array (`*-1`) or the array.
pub struct MaybeArray<T>(pub Option<T>);

impl<T: Reply> Reply for MaybeArray<T> {
    fn write(self, writer: &mut Writer<'_>) {
        match self.0 {
            Some(reply) => reply.write(writer),
            None => writer.null_array(),
        }
    }
}

/// One of two shapes.
pub enum Either<A, B> {
    A(A),
    B(B),
}

impl<A: Reply, B: Reply> Reply for Either<A, B> {
    fn write(self, writer: &mut Writer<'_>) {
        match self {
            Self::A(reply) => reply.write(writer),
            Self::B(reply) => reply.write(writer),
        }
    }
}

/// A shape that only a function can tell: it writes through the writer's shape methods.
pub struct With<F>(pub F);

impl<F: FnOnce(&mut Writer<'_>)> Reply for With<F> {
    fn write(self, writer: &mut Writer<'_>) {
        (self.0)(writer);
    }
}

/// The lines that a container's HELP prints.
pub struct Help(pub &'static [&'static str]);

impl Reply for Help {
    fn write(self, writer: &mut Writer<'_>) {
        writer.array(self.0.len());
        for line in self.0 {
            writer.simple(line);
        }
    }
}

//! The grammar of commands: argument structs that parse themselves and describe themselves.
//!
//! `args!` declares the arguments of a command once, as a struct. From the types of its fields follow the parser, the arity, the key positions,
//! what `COMMAND DOCS` says, and the TypeScript method. Three sections, divided by `;`:
//!
//! ```text
//! args! { Zadd<'a> {
//!     key: Key<'a, RW_UPDATE>                                      words at fixed places
//!     ; condition: Option<Condition>, change: Option<Change>,      options, in any order
//!       count_changed: Ch, increment: Incr
//!     ; members: Many<'a, (f64, &'a [u8])>                         words after the options
//! } }
//! ```
//!
//! Options are made by `choice!` (at most one of several words) and `flag!` (there or not). An option given twice counts once (the last wins);
//! two different ones of one choice are a syntax error.

use crate::error::{ReplyError, Result};
use crate::number::{self, LongDouble};
use crate::time::Millis;
use core::marker::PhantomData;

/// What kind of word an argument is, with Redis's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgKind {
    Key(KeyFlags),
    String,
    Integer,
    Double,
    Pattern,
    PureToken,
    OneOf,
    Block,
    /// A count, then so many keys.
    NumKeys(KeyFlags),
}

/// One argument in a command's grammar.
#[derive(Clone, Copy, Debug)]
pub struct ArgSpec {
    pub name: &'static str,
    pub kind: ArgKind,
    /// The word that announces the argument; empty if there is none.
    pub token: &'static str,
    pub optional: bool,
    /// May be repeated; at least once unless optional.
    pub multiple: bool,
    /// Parts of a `OneOf` or `Block`.
    pub parts: &'static [ArgSpec],
}

impl ArgSpec {
    pub const fn new(kind: ArgKind) -> Self {
        Self { name: "", kind, token: "", optional: false, multiple: false, parts: &[] }
    }

    pub const fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    pub const fn with_token(mut self, token: &'static str) -> Self {
        self.token = token;
        self
    }

    pub const fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    pub const fn multiple(mut self) -> Self {
        self.multiple = true;
        self
    }

    pub const fn of(kind: ArgKind, parts: &'static [ArgSpec]) -> Self {
        Self { name: "", kind, token: "", optional: false, multiple: false, parts }
    }

    /// The choice of one among `parts`; a single part stands for itself.
    pub const fn choice(parts: &'static [ArgSpec]) -> Self {
        match parts {
            [only] => (*only).optional(),
            _ => Self::of(ArgKind::OneOf, parts).optional(),
        }
    }

    /// Fewest words that the argument takes.
    pub const fn least_words(&self) -> i32 {
        if self.optional {
            return 0;
        }
        let own: i32 = if self.token.is_empty() { 0 } else { 1 };
        own.saturating_add(match self.kind {
            ArgKind::PureToken => 0,
            ArgKind::NumKeys(_) if self.parts.len() == 2 => 3,
            ArgKind::NumKeys(_) => 2,
            ArgKind::Block => least_words(self.parts),
            _ => 1,
        })
    }

    /// Whether the argument always takes the same number of words.
    pub const fn is_fixed(&self) -> bool {
        if self.optional || self.multiple {
            return false;
        }
        match self.kind {
            ArgKind::NumKeys(_) => false,
            ArgKind::Block => all_fixed(self.parts),
            _ => true,
        }
    }
}

const fn least_words(specs: &[ArgSpec]) -> i32 {
    let mut sum = 0;
    let mut rest = specs;
    while let [first, tail @ ..] = rest {
        sum = first.least_words().saturating_add(sum);
        rest = tail;
    }
    sum
}

const fn all_fixed(specs: &[ArgSpec]) -> bool {
    let mut rest = specs;
    while let [first, tail @ ..] = rest {
        if !first.is_fixed() {
            return false;
        }
        rest = tail;
    }
    true
}

/// Redis's arity: how many words, name included; negative = at least so many. `name_words` is 2 for subcommands.
pub const fn arity(name_words: i32, specs: &[ArgSpec]) -> i32 {
    let words = name_words.saturating_add(least_words(specs));
    if all_fixed(specs) { words } else { words.saturating_neg() }
}

/// What a command does to a key, as Redis's key specifications say it.
pub type KeyFlags = u16;

pub mod key_flags {
    //! Names of the combinations that occur. First what is done to the value as a whole (RO, RW, OW, RM), then what to its content.
    use super::KeyFlags;
    pub const RO_BIT: KeyFlags = 1 << 0;
    pub const RW_BIT: KeyFlags = 1 << 1;
    pub const OW_BIT: KeyFlags = 1 << 2;
    pub const RM_BIT: KeyFlags = 1 << 3;
    pub const ACCESS_BIT: KeyFlags = 1 << 4;
    pub const UPDATE_BIT: KeyFlags = 1 << 5;
    pub const INSERT_BIT: KeyFlags = 1 << 6;
    pub const DELETE_BIT: KeyFlags = 1 << 7;
    /// What is done depends on the request's options; the other bits say the most that may be.
    pub const VARIABLE_BIT: KeyFlags = 1 << 8;
    /// There may be more keys than the grammar shows.
    pub const INCOMPLETE_BIT: KeyFlags = 1 << 9;
    /// A name that is no key, but placed like one (a channel).
    pub const NOT_KEY_BIT: KeyFlags = 1 << 10;
    pub const RO: KeyFlags = RO_BIT;
    pub const RO_ACCESS: KeyFlags = RO_BIT | ACCESS_BIT;
    pub const RW: KeyFlags = RW_BIT;
    pub const RW_ACCESS: KeyFlags = RW_BIT | ACCESS_BIT;
    pub const RW_ACCESS_INSERT: KeyFlags = RW_BIT | ACCESS_BIT | INSERT_BIT;
    pub const RW_ACCESS_DELETE: KeyFlags = RW_BIT | ACCESS_BIT | DELETE_BIT;
    pub const RW_ACCESS_UPDATE: KeyFlags = RW_BIT | ACCESS_BIT | UPDATE_BIT;
    pub const RW_ACCESS_UPDATE_VARIABLE: KeyFlags = RW_ACCESS_UPDATE | VARIABLE_BIT;
    pub const RW_UPDATE: KeyFlags = RW_BIT | UPDATE_BIT;
    pub const RW_UPDATE_DELETE: KeyFlags = RW_BIT | UPDATE_BIT | DELETE_BIT;
    pub const RW_INSERT: KeyFlags = RW_BIT | INSERT_BIT;
    pub const RW_DELETE: KeyFlags = RW_BIT | DELETE_BIT;
    pub const OW: KeyFlags = OW_BIT;
    pub const OW_UPDATE: KeyFlags = OW_BIT | UPDATE_BIT;
    pub const OW_INSERT: KeyFlags = OW_BIT | INSERT_BIT;
    pub const RM_DELETE: KeyFlags = RM_BIT | DELETE_BIT;
    pub const RM: KeyFlags = RM_BIT;
    /// A channel that is looked for like a key.
    pub const NOT_KEY: KeyFlags = NOT_KEY_BIT;
}

/// The words of a request that are not parsed yet.
///
/// The structs that `args!` declares are read without a look at each mistake: the first one is noted, what follows is read as if nothing had
/// happened, and [`Args::end`] tells. A check behind every word was 3 KB of the WebAssembly module after gzip.
pub struct Args<'a> {
    words: &'a [&'a [u8]],
    at: usize,
    /// The first mistake of the struct that is being read.
    noted: Option<ReplyError>,
}

/// What stands for a word that is missing.
static NO_WORD: &[u8] = &[];

impl<'a> Args<'a> {
    /// `argv` without the words of the command's name.
    pub fn new(words: &'a [&'a [u8]]) -> Self {
        Self { words, at: 0, noted: None }
    }

    pub fn rest(&self) -> &'a [&'a [u8]] {
        self.words.get(self.at..).unwrap_or(&[])
    }

    pub fn remaining(&self) -> usize {
        self.words.len().saturating_sub(self.at)
    }

    pub fn peek(&self) -> Option<&'a [u8]> {
        self.words.get(self.at).copied()
    }

    /// The next word.
    ///
    /// # Errors
    /// A syntax error where there is none (the arity was checked before: it is missing inside an option).
    pub fn word(&mut self) -> Result<&'a [u8]> {
        let word = self.peek().ok_or(ReplyError::SYNTAX)?;
        self.skip(1);
        Ok(word)
    }

    /// The next word, or the note of a syntax error.
    #[inline]
    pub fn needed(&mut self) -> &'a [u8] {
        self.place()
    }

    // A thin pointer comes back in a register.
    #[inline(never)]
    fn place(&mut self) -> &'a &'a [u8] {
        let place = self.words.get(self.at);
        self.skip(1);
        place.unwrap_or_else(|| {
            self.note(ReplyError::SYNTAX);
            &NO_WORD
        })
    }

    /// The next word, unless there is none or a mistake was noted.
    #[inline(never)]
    pub fn option(&mut self) -> Option<&'a &'a [u8]> {
        (self.remaining() > 0 && self.noted.is_none()).then(|| self.place())
    }

    /// Notes a mistake, if it is the first.
    #[inline(never)]
    pub fn note(&mut self, mistake: ReplyError) {
        self.noted.get_or_insert(mistake);
    }

    /// A mistake that ends the reading at once, unless one was noted before.
    #[inline(never)]
    pub fn first_mistake(&mut self, mistake: ReplyError) -> ReplyError {
        self.noted.take().unwrap_or(mistake)
    }

    /// Ends the reading of a struct.
    ///
    /// # Errors
    /// The mistake that was noted; else `left`, if words are.
    #[inline(never)]
    pub fn end(&mut self, left: ReplyError) -> Result<()> {
        match self.noted.take() {
            Some(mistake) => Err(mistake),
            None if self.remaining() > 0 => Err(left),
            None => Ok(()),
        }
    }

    #[inline(never)]
    fn integer(&mut self) -> i64 {
        let number = number::parse_i64(self.needed());
        number.unwrap_or_else(|| {
            self.note(ReplyError::NOT_INTEGER);
            0
        })
    }

    #[inline(never)]
    fn double(&mut self) -> f64 {
        let number = number::parse_f64(self.needed());
        number.unwrap_or_else(|| {
            self.note(ReplyError::NOT_FLOAT);
            0.0
        })
    }

    pub fn skip(&mut self, words: usize) {
        self.at = self.at.saturating_add(words).min(self.words.len());
    }

    /// Puts the last word back.
    pub fn back(&mut self) {
        self.at = self.at.saturating_sub(1);
    }

    /// All words that are left.
    pub fn take_rest(&mut self) -> &'a [&'a [u8]] {
        let rest = self.rest();
        self.at = self.words.len();
        rest
    }
}

/// The arguments of a command. Made by `args!`, or by hand where a command's grammar is odd.
pub trait Parse<'a>: Sized {
    const SPECS: &'static [ArgSpec];
    /// # Errors
    /// What Redis answers to words that do not fit; [`WRONG_ARITY`] as an error is turned into the arity error of the command.
    fn parse(args: &mut Args<'a>) -> Result<Self>;
}

/// Stands for "wrong number of arguments" where the parser does not know the command's name; `command::run` words it.
pub const WRONG_ARITY: ReplyError = ReplyError::SYNTAX_ARITY;

/// One argument at a fixed place.
pub trait Arg<'a>: Sized {
    const SPEC: ArgSpec;
    fn arg(args: &mut Args<'a>) -> Result<Self>;

    /// As a field of a declared struct: a mistake may be noted in place of an error.
    #[inline]
    fn field(args: &mut Args<'a>) -> Result<Self> {
        Self::arg(args)
    }
}

/// An argument that a word announces, in any order with others.
pub trait Opt<'a>: Default {
    const SPEC: ArgSpec;
    /// Takes `word` (already consumed) and what belongs to it if it is this option's; false if not. Mistakes are noted.
    fn opt(&mut self, word: &'a [u8], args: &mut Args<'a>) -> bool;
}

/// A command without arguments.
pub struct NoArgs;

impl<'a> Parse<'a> for NoArgs {
    const SPECS: &'static [ArgSpec] = &[];
    fn parse(_: &mut Args<'a>) -> Result<Self> {
        Ok(Self)
    }
}

impl<'a> Arg<'a> for &'a [u8] {
    const SPEC: ArgSpec = ArgSpec::new(ArgKind::String);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        args.word()
    }
    #[inline]
    fn field(args: &mut Args<'a>) -> Result<Self> {
        Ok(args.needed())
    }
}

impl<'a> Arg<'a> for i64 {
    const SPEC: ArgSpec = ArgSpec::new(ArgKind::Integer);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        number::parse_i64(args.word()?).ok_or(ReplyError::NOT_INTEGER)
    }
    #[inline]
    fn field(args: &mut Args<'a>) -> Result<Self> {
        Ok(args.integer())
    }
}

impl<'a> Arg<'a> for f64 {
    const SPEC: ArgSpec = ArgSpec::new(ArgKind::Double);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        number::parse_f64(args.word()?).ok_or(ReplyError::NOT_FLOAT)
    }
    #[inline]
    fn field(args: &mut Args<'a>) -> Result<Self> {
        Ok(args.double())
    }
}

/// A key, and what the command does to it.
#[derive(Clone, Copy, Debug)]
pub struct Key<'a, const FLAGS: KeyFlags>(pub &'a [u8]);

impl<const FLAGS: KeyFlags> core::ops::Deref for Key<'_, FLAGS> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.0
    }
}

impl<'a, const FLAGS: KeyFlags> Arg<'a> for Key<'a, FLAGS> {
    const SPEC: ArgSpec = ArgSpec::new(ArgKind::Key(FLAGS));
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        args.word().map(Self)
    }
    #[inline]
    fn field(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self(args.needed()))
    }
}

/// A glob pattern.
#[derive(Clone, Copy, Debug)]
pub struct Pattern<'a>(pub &'a [u8]);

impl Pattern<'_> {
    /// Does the name of a key, field or member fit? Redis never looks at a lone `*`, which therefore fits the empty name too; any other
    /// pattern of stars does not.
    pub fn fits(&self, name: &[u8]) -> bool {
        self.0 == b"*" || crate::glob::matches(self.0, name, false)
    }
}

impl<'a> Arg<'a> for Pattern<'a> {
    const SPEC: ArgSpec = ArgSpec::new(ArgKind::Pattern);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        args.word().map(Self)
    }
    #[inline]
    fn field(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self(args.needed()))
    }
}

/// An argument whose error waits for its turn: some commands look at their key before they read a number.
#[derive(Clone, Debug)]
pub struct Late<T>(pub Result<T>);

impl<'a, T: Arg<'a>> Arg<'a> for Late<T> {
    const SPEC: ArgSpec = T::SPEC;
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self(T::arg(args)))
    }
}

/// There or not, at the end.
impl<'a, T: Arg<'a>> Arg<'a> for Option<T> {
    const SPEC: ArgSpec = T::SPEC.optional();
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        if args.remaining() == 0 { Ok(None) } else { T::arg(args).map(Some) }
    }
    #[inline]
    fn field(args: &mut Args<'a>) -> Result<Self> {
        if args.remaining() == 0 { Ok(None) } else { T::field(args).map(Some) }
    }
}

macro_rules! pairs {
    ($($part:ident $name:literal),*) => {
        impl<'a, $($part: Arg<'a>),*> Arg<'a> for ($($part,)*) {
            const SPEC: ArgSpec = ArgSpec::of(ArgKind::Block, &[$($part::SPEC.named($name)),*]);
            fn arg(args: &mut Args<'a>) -> Result<Self> {
                Ok(($($part::arg(args)?,)*))
            }
        }
    };
}

pairs!(A "first", B "second");
pairs!(A "first", B "second", C "third");

/// One or more of `T`, up to the end. Parsed as they are asked for.
#[derive(Debug)]
pub struct Many<'a, T> {
    words: &'a [&'a [u8]],
    of: PhantomData<T>,
}

impl<T> Clone for Many<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Many<'_, T> {}

impl<'a, T: Arg<'a>> Many<'a, T> {
    const STEP: usize = match T::SPEC.least_words() {
        words @ 1.. => words as usize,
        _ => 1,
    };

    pub fn new(words: &'a [&'a [u8]]) -> Self {
        Self { words, of: PhantomData }
    }

    /// How many of `T`.
    pub fn len(&self) -> usize {
        self.words.len().checked_div(Self::STEP).unwrap_or(0)
    }

    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    pub fn words(&self) -> &'a [&'a [u8]] {
        self.words
    }

    /// Each in turn; an error where one does not parse.
    pub fn iter(&self) -> impl Iterator<Item = Result<T>> + use<'a, T> {
        self.words.chunks(Self::STEP).map(|words| T::arg(&mut Args::new(words)))
    }
}

impl<'a, T: Arg<'a>> Arg<'a> for Many<'a, T> {
    const SPEC: ArgSpec = T::SPEC.multiple();
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        let words = args.take_rest();
        match words.len().checked_rem(Self::STEP) {
            Some(0) if !words.is_empty() => Ok(Self::new(words)),
            _ => Err(WRONG_ARITY),
        }
    }
}

/// A count, then so many keys.
#[derive(Clone, Copy, Debug)]
pub struct NumKeys<'a, const FLAGS: KeyFlags>(pub &'a [&'a [u8]]);

impl<'a, const FLAGS: KeyFlags> Arg<'a> for NumKeys<'a, FLAGS> {
    const SPEC: ArgSpec = ArgSpec::new(ArgKind::NumKeys(FLAGS));
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        let count = number::parse_i64(args.word()?).filter(|&count| count > 0).ok_or(ReplyError::NUMKEYS_NOT_POSITIVE)?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        let keys = args.rest().get(..count).ok_or(ReplyError::NUMKEYS_TOO_MANY)?;
        args.skip(count);
        Ok(Self(keys))
    }
}

/// Reads an argument that belongs to an option: too few words are a syntax error there.
#[inline]
pub fn arg_of_option<'a, T: Arg<'a>>(args: &mut Args<'a>) -> Result<T> {
    T::field(args).map_err(|error| if error == WRONG_ARITY { ReplyError::SYNTAX } else { error })
}

/// Whether a word of a request is this token; letter case does not matter.
pub fn is_token(word: &[u8], token: &str) -> bool {
    word.eq_ignore_ascii_case(token.as_bytes())
}

/// Declares an argument struct; see the module.
macro_rules! args {
    ($(#[$meta:meta])* $name:ident<$a:lifetime> { $($body:tt)* }) => {
        $crate::command::args::args!(@parse [$(#[$meta])*] $name [<$a>] $a { $($body)* });
    };
    ($(#[$meta:meta])* $name:ident { $($body:tt)* }) => {
        $crate::command::args::args!(@parse [$(#[$meta])*] $name [] 'a { $($body)* });
    };
    (@parse [$(#[$meta:meta])*] $name:ident [$($generics:tt)*] $a:lifetime {
        $($f:ident : $t:ty),* $(,)?
    }) => {
        $(#[$meta])*
        pub struct $name $($generics)* { $(pub $f: $t,)* }
        impl<$a> $crate::command::args::Parse<$a> for $name $($generics)* {
            const SPECS: &'static [$crate::command::args::ArgSpec] =
                &[$(<$t as $crate::command::args::Arg<$a>>::SPEC.named(stringify!($f)),)*];
            fn parse(args: &mut $crate::command::args::Args<$a>) -> $crate::error::Result<Self> {
                $($crate::command::args::args!(@field args $f: $t, $a);)*
                args.end($crate::command::args::WRONG_ARITY)?;
                Ok(Self { $($f),* })
            }
        }
    };
    (@parse [$(#[$meta:meta])*] $name:ident [$($generics:tt)*] $a:lifetime {
        $($f:ident : $t:ty),* $(,)?; $($o:ident : $ot:ty),* $(,)? $(; $($l:ident : $lt:ty),* $(,)?)?
    }) => {
        $(#[$meta])*
        pub struct $name $($generics)* { $(pub $f: $t,)* $(pub $o: $ot,)* $($(pub $l: $lt,)*)? }
        impl<$a> $crate::command::args::Parse<$a> for $name $($generics)* {
            const SPECS: &'static [$crate::command::args::ArgSpec] = &[
                $(<$t as $crate::command::args::Arg<$a>>::SPEC.named(stringify!($f)),)*
                $(<$ot as $crate::command::args::Opt<$a>>::SPEC.named(stringify!($o)),)*
                $($(<$lt as $crate::command::args::Arg<$a>>::SPEC.named(stringify!($l)),)*)?
            ];
            fn parse(args: &mut $crate::command::args::Args<$a>) -> $crate::error::Result<Self> {
                $($crate::command::args::args!(@field args $f: $t, $a);)*
                $(let mut $o = <$ot as Default>::default();)*
                while let Some(word) = args.option() {
                    $(if $crate::command::args::Opt::<$a>::opt(&mut $o, word, args) {
                        continue;
                    })*
                    let _ = word;
                    args.back();
                    break;
                }
                $($($crate::command::args::args!(@field args $l: $lt, $a);)*)?
                args.end($crate::error::ReplyError::SYNTAX)?;
                Ok(Self { $($f,)* $($o,)* $($($l,)*)? })
            }
        }
    };
    (@field $args:ident $f:ident: $t:ty, $a:lifetime) => {
        let $f = match <$t as $crate::command::args::Arg<$a>>::field($args) {
            Ok(value) => value,
            Err(mistake) => return Err($args.first_mistake(mistake)),
        };
    };
}
pub(crate) use args;

/// Declares an option of which at most one word can be given, each with what follows it:
/// `choice! { Expiry { "EX" => Seconds(seconds: i64), "KEEPTTL" => Keep } }`. Used as a field of type `Option<Expiry>`.
macro_rules! choice {
    ($(#[$meta:meta])* $name:ident $(<$a:lifetime>)? { $($token:literal => $variant:ident $(($($f:ident : $t:ty),*))?),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        pub enum $name $(<$a>)? { $($variant $(($($t),*))?),* }
        $crate::command::args::choice!(@opt [$($a)?] $name [$(<$a>)?] { $($token => $variant $(($($f : $t),*))?),* });
    };
    (@opt [] $name:ident [] { $($body:tt)* }) => {
        $crate::command::args::choice!(@impl 'a $name [] { $($body)* });
    };
    (@opt [$a:lifetime] $name:ident [$($generics:tt)*] { $($body:tt)* }) => {
        $crate::command::args::choice!(@impl $a $name [$($generics)*] { $($body)* });
    };
    (@impl $a:lifetime $name:ident [$($generics:tt)*] { $($token:literal => $variant:ident $(($($f:ident : $t:ty),*))?),* }) => {
        impl<$a> $crate::command::args::Opt<$a> for Option<$name $($generics)*> {
            const SPEC: $crate::command::args::ArgSpec = $crate::command::args::ArgSpec::choice(&[
                $($crate::command::args::choice!(@spec $a $token $($($f : $t),*)?)),*
            ]);
            fn opt(&mut self, word: &$a [u8], args: &mut $crate::command::args::Args<$a>) -> bool {
                $(if $crate::command::args::is_token(word, $token) {
                    let new = $name::$variant $(($(match $crate::command::args::arg_of_option::<$t>(args) {
                        Ok(value) => value,
                        Err(mistake) => {
                            args.note(mistake);
                            return true;
                        }
                    }),*))?;
                    if self.as_ref().is_some_and(|old| core::mem::discriminant(old) != core::mem::discriminant(&new)) {
                        args.note($crate::error::ReplyError::SYNTAX);
                    }
                    *self = Some(new);
                    return true;
                })*
                let _ = (word, args);
                false
            }
        }
    };
    (@spec $a:lifetime $token:literal) => {
        $crate::command::args::ArgSpec::new($crate::command::args::ArgKind::PureToken).named($token).with_token($token)
    };
    (@spec $a:lifetime $token:literal $f:ident : $t:ty) => {
        <$t as $crate::command::args::Arg<$a>>::SPEC.named(stringify!($f)).with_token($token)
    };
    (@spec $a:lifetime $token:literal $($f:ident : $t:ty),*) => {
        $crate::command::args::ArgSpec::of($crate::command::args::ArgKind::Block, &[
            $(<$t as $crate::command::args::Arg<$a>>::SPEC.named(stringify!($f))),*
        ]).named($token).with_token($token)
    };
}
pub(crate) use choice;

/// Declares options that are one word, there or not: `flag! { Get = "GET"; }`, read as `args.get.0`.
macro_rules! flag {
    ($($(#[$meta:meta])* $name:ident = $token:literal;)*) => {$(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $name(pub bool);
        impl<'a> $crate::command::args::Opt<'a> for $name {
            const SPEC: $crate::command::args::ArgSpec =
                $crate::command::args::ArgSpec::new($crate::command::args::ArgKind::PureToken).with_token($token).optional();
            fn opt(&mut self, word: &'a [u8], _: &mut $crate::command::args::Args<'a>) -> bool {
                let mine = $crate::command::args::is_token(word, $token);
                self.0 |= mine;
                mine
            }
        }
    )*};
}
pub(crate) use flag;

flag! {
    WithScores = "WITHSCORES";
    WithValues = "WITHVALUES";
}

choice! {
    /// `LIMIT offset count` of ranges.
    Limit { "LIMIT" => Limit(offset: i64, count: i64) }
}

choice! {
    /// `COUNT count`.
    Count { "COUNT" => Count(count: i64) }
}

choice! {
    /// `MATCH pattern` of the SCAN family.
    Match<'a> { "MATCH" => Match(pattern: Pattern<'a>) }
}

/// An integer that is judged by the handler, because Redis looks at other things first.
#[derive(Clone, Copy, Debug)]
pub struct LateInt(pub Option<i64>);

impl LateInt {
    /// # Errors
    /// `value is not an integer or out of range`.
    pub fn get(self) -> Result<i64> {
        self.0.ok_or(ReplyError::NOT_INTEGER)
    }
}

impl<'a> Arg<'a> for LateInt {
    const SPEC: ArgSpec = ArgSpec::new(ArgKind::Integer);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self(number::parse_i64(args.word()?)))
    }
}

/// A number of an extended precision, as the float counters take it.
impl<'a> Arg<'a> for LongDouble {
    const SPEC: ArgSpec = ArgSpec::new(ArgKind::Double);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        Self::parse(args.word()?).ok_or(ReplyError::NOT_FLOAT)
    }
}

/// How long a blocking command waits, in seconds with fractions; 0 = for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout {
    ms: u64,
}

impl Timeout {
    pub fn from_ms(ms: u64) -> Self {
        Self { ms }
    }

    /// The moment at which the wait ends; `None` = never.
    pub fn deadline(self, now: Millis) -> Option<Millis> {
        (self.ms > 0).then(|| now.saturating_add(self.ms))
    }
}

impl<'a> Arg<'a> for Timeout {
    const SPEC: ArgSpec = ArgSpec::new(ArgKind::Double);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        let word = args.word()?;
        LongDouble::parse(word).ok_or(ReplyError::TIMEOUT_NOT_FLOAT)?;
        // What no double or no 64-bit count of ms can hold ends up negative in Redis.
        let ms = number::parse_f64(word).map_or(f64::INFINITY, |seconds| seconds * 1000.0);
        if !(0.0..9_223_372_036_854_775_808.0).contains(&ms) {
            return Err(ReplyError::TIMEOUT_NEGATIVE);
        }
        let whole = ms as u64;
        Ok(Self { ms: if whole as f64 == ms { whole } else { whole.saturating_add(1) } })
    }
}

/// The number of a database; whether it exists is the handler's business.
#[derive(Clone, Copy, Debug)]
pub struct DbIndex(pub i64);

impl<'a> Arg<'a> for DbIndex {
    const SPEC: ArgSpec = ArgSpec::new(ArgKind::Integer);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        let index = i64::arg(args)?;
        if i32::try_from(index).is_err() {
            return Err(ReplyError::NOT_INT32);
        }
        Ok(Self(index))
    }
}

/// The cursor of a SCAN, as C's `strtoul` reads it: a sign is allowed and wraps.
#[derive(Clone, Copy, Debug)]
pub struct Cursor(pub u64);

impl<'a> Arg<'a> for Cursor {
    const SPEC: ArgSpec = ArgSpec::new(ArgKind::Integer);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        number::parse_cursor(args.word()?).map(Self).ok_or(ReplyError::INVALID_CURSOR)
    }
}

impl Count {
    /// The number after COUNT of a SCAN, at least 1; 10 where none was given.
    pub fn of_scan(this: Option<Self>) -> Result<usize> {
        match this {
            None => Ok(10),
            Some(Self::Count(count)) if count < 1 => Err(ReplyError::SYNTAX),
            Some(Self::Count(count)) => Ok(usize::try_from(count).unwrap_or(usize::MAX)),
        }
    }
}

/// How many elements a random choice is to give: `count` different ones, or with a minus so many that may repeat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    Distinct(usize),
    Repeated(usize),
}

impl Sampling {
    /// Redis would write a reply without end for some counts; more than this many repeated elements (half a gigabyte of reply at least) are refused.
    const MOST_REPEATED: u64 = 1 << 26;

    /// # Errors
    /// `value is out of range` where more repeated elements are asked for than a reply should ever hold, and no limit of the client's (`bounded`)
    /// would end it.
    pub fn of(count: i64, bounded: bool) -> Result<Self> {
        let size = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        match count {
            0.. => Ok(Self::Distinct(size)),
            _ if count.unsigned_abs() > Self::MOST_REPEATED && !bounded => Err(ReplyError::OUT_OF_RANGE),
            _ => Ok(Self::Repeated(size)),
        }
    }
}

/// The count of a random choice: any integer but the least, as Redis words it.
#[derive(Clone, Copy, Debug)]
pub struct SampleCount(pub i64);

impl<'a> Arg<'a> for SampleCount {
    const SPEC: ArgSpec = ArgSpec::new(ArgKind::Integer);
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        match i64::arg(args)? {
            i64::MIN => Err(ReplyError::SAMPLE_RANGE),
            count => Ok(Self(count)),
        }
    }
}

/// Arguments of HSCAN, SSCAN and ZSCAN. Redis looks at the key before it reads the options, so they wait.
pub struct ScanStep<'a> {
    pub key: Key<'a, { key_flags::RO_ACCESS }>,
    pub cursor: Cursor,
    options: &'a [&'a [u8]],
}

args! {
    /// The options of a [`ScanStep`], read.
    ScanOptions<'a> { ; pattern: Option<Match<'a>>, count: Option<Count> }
}

impl<'a> Parse<'a> for ScanStep<'a> {
    const SPECS: &'static [ArgSpec] = &[
        <Key<'a, { key_flags::RO_ACCESS }> as Arg<'a>>::SPEC.named("key"),
        Cursor::SPEC.named("cursor"),
        <Option<Match<'a>> as Opt<'a>>::SPEC.named("pattern"),
        <Option<Count> as Opt<'a>>::SPEC.named("count"),
    ];
    fn parse(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self { key: Key::arg(args)?, cursor: Cursor::arg(args)?, options: args.take_rest() })
    }
}

impl<'a> ScanStep<'a> {
    pub fn new(key: &'a [u8], cursor: u64, options: &'a [&'a [u8]]) -> Self {
        Self { key: Key(key), cursor: Cursor(cursor), options }
    }

    /// The pattern that elements must match, if any, and how many to look at.
    pub fn options(&self) -> Result<(Option<Pattern<'a>>, usize)> {
        let options = ScanOptions::parse(&mut Args::new(self.options))?;
        Ok((options.pattern.map(|Match::Match(pattern)| pattern), Count::of_scan(options.count)?))
    }
}

/// The keys that LMPOP, ZMPOP and their blocking forms try in turn: a count, then so many keys. Any mistake in the count is told as if it were too small,
/// and too few keys are a syntax error.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a>(pub &'a [&'a [u8]]);

impl<'a> Arg<'a> for Sources<'a> {
    const SPEC: ArgSpec = ArgSpec::new(ArgKind::NumKeys(key_flags::RW_ACCESS_DELETE));
    fn arg(args: &mut Args<'a>) -> Result<Self> {
        let count = count_from(1, args.word()?).ok_or(ReplyError::NUMKEYS_NOT_POSITIVE)?;
        let keys = args.rest().get(..count).ok_or(ReplyError::SYNTAX)?;
        args.skip(count);
        Ok(Self(keys))
    }
}

/// How many elements they pop, at least 1. Given twice it is a syntax error.
#[derive(Clone, Copy, Debug, Default)]
pub struct AtMost(pub Option<usize>);

impl<'a> Opt<'a> for AtMost {
    const SPEC: ArgSpec = ArgSpec::new(ArgKind::Integer).with_token("COUNT").optional();
    fn opt(&mut self, word: &'a [u8], args: &mut Args<'a>) -> bool {
        if self.0.is_some() || !is_token(word, "COUNT") {
            return false;
        }
        self.0 = count_from(1, args.needed());
        if self.0.is_none() {
            args.note(ReplyError::err("count should be greater than 0"));
        }
        true
    }
}

/// A whole number of at least `least`; what no `usize` holds is as good as the largest (`usize` has 32 bits in WebAssembly).
pub fn count_from(least: u64, word: &[u8]) -> Option<usize> {
    let number = u64::try_from(number::parse_i64(word)?).ok().filter(|number| *number >= least)?;
    Some(usize::try_from(number).unwrap_or(usize::MAX))
}

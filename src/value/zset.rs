//! (in work)
#[derive(Default, Clone)]
pub struct ZSet;
impl super::Collection for ZSet {
    fn memory(&self) -> usize {
        0
    }
    fn len(&self) -> usize {
        0
    }
    fn encoding(&self) -> &'static str {
        ""
    }
}

pub struct Builder;
pub struct GapRecord;
pub struct Origin;

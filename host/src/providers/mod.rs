//! Services that the host provides to components, each a folder. They know no instances, and none knows another.

pub(crate) mod keyvalue;

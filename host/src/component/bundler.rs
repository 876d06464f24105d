//! What tools leave in the components that they build, for their own use.

use wit_parser::{Resolve, WorldItem, WorldKey};

/// Whether it is the export by which componentize-py starts Python while it builds the component: `init`, of an interface
/// within the world. It stays there, and is not called again.
pub(super) fn is_own(resolve: &Resolve, key: &WorldKey, item: &WorldItem) -> bool {
    let (WorldKey::Name(name), WorldItem::Interface { id, .. }) = (key, item) else { return false };
    let functions = &resolve.interfaces[*id].functions;
    let takes_symbols =
        functions.get("init").is_some_and(|init| init.params.iter().any(|param| param.name == "symbols"));
    name == "exports" && functions.len() == 1 && takes_symbols
}

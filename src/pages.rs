//! The examples of `docs/` are compiled with those of the library. The pages of policies are the docs of their types.

macro_rules! pages {
    ($($(#[$condition:meta])* $page:ident: $file:literal,)*) => {
        $($(#[$condition])* #[doc = include_str!($file)] struct $page;)*
    };
}

pages! {
    InAHurry: "../docs/README.md",
    Order: "../docs/concepts/order.md",
    BreakerStates: "../docs/concepts/breaker-states.md",
    WhatTravels: "../docs/concepts/what-travels.md",
    Places: "../docs/concepts/places.md",
    WriteOnce: "../docs/recipes/write-once.md",
    LastGood: "../docs/recipes/last-good.md",
    FreshInstances: "../docs/recipes/fresh-instances.md",
    RecipeOfOwnErrors: "../docs/recipes/own-errors.md",
    Test: "../docs/recipes/test.md",
    Move: "../docs/recipes/move.md",
    Policies: "../docs/policies/README.md",
    #[cfg(feature = "toml")]
    Configuration: "../docs/configuration.md",
    Errors: "../docs/errors.md",
    Observing: "../docs/observing.md",
    OwnErrors: "../docs/own-errors.md",
    #[cfg(feature = "http")]
    Http: "../docs/http.md",
}

//! What a client has, and which worlds have one.

use std::path::Path;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{ImplItem, ImplItemFn, Item, ItemImpl, Type};

use crate::bindgen::expand;

/// The expansion of `bindgen!` for `body` in an interface `acme:shop/stock` that a world imports.
fn expanded(body: &str, options: TokenStream) -> String {
    let wit = format!(
        "package acme:shop@1.2.0;
         interface stock {{ use steadfast:rpc/types@0.1.0.{{rpc-error}}; {body} }}
         world caller {{ import stock; }}"
    );
    expand(quote!({ inline: #wit, #options }), Path::new("/nowhere")).to_string()
}

/// The module of that interface.
fn stock(body: &str, options: TokenStream) -> Vec<Item> {
    let expanded = expanded(body, options);
    let file = syn::parse_file(&expanded).expect("Rust");
    let inside = |items: Vec<Item>, name: &str| {
        let found = items.into_iter().find_map(|item| match item {
            Item::Mod(module) if module.ident == name => module.content,
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no module {name} in {expanded}")).1
    };
    ["acme", "shop", "stock"].iter().fold(file.items, |items, name| inside(items, name))
}

/// The methods of the client whose type is `name`.
fn methods(items: &[Item], name: &str) -> Vec<ImplItemFn> {
    let is_client = |block: &&ItemImpl| match &*block.self_ty {
        Type::Path(path) => path.path.segments.last().is_some_and(|last| last.ident == name),
        _ => false,
    };
    let blocks = items.iter().filter_map(|item| match item {
        Item::Impl(block) => Some(block),
        _ => None,
    });
    let functions = blocks.filter(|block| block.trait_.is_none()).filter(is_client).flat_map(|block| &block.items);
    let functions = functions.filter_map(|item| match item {
        ImplItem::Fn(function) => Some(function.clone()),
        _ => None,
    });
    functions.collect()
}

/// Their names.
fn names(items: &[Item], client: &str) -> Vec<String> {
    methods(items, client).iter().map(|method| method.sig.ident.to_string()).collect()
}

/// What is written about a type.
fn docs_of(items: &[Item], name: &str) -> String {
    let item = items.iter().find_map(|item| match item {
        Item::Struct(item) if item.ident == name => Some(item.attrs.iter().map(|a| a.to_token_stream().to_string())),
        _ => None,
    });
    item.expect("the client's type").collect::<Vec<_>>().join("\n")
}

const LEFT: &str = "
    /// How many are left of
    /// `what`.
    left: func(what: string) -> result<u32, rpc-error>;
";

#[test]
fn a_function_that_can_fail_is_a_method_in_both_forms_and_keeps_its_documentation() {
    let items = stock(LEFT, quote!());
    let methods = methods(&items, "Client");
    let [left, left_async] = &methods[..] else { panic!("not two methods") };
    let docs = quote!(#[doc = " How many are left of"] #[doc = " `what`."]).to_string();
    for method in [left, left_async] {
        let text = method.to_token_stream().to_string();
        assert!(text.starts_with(&docs), "{text}");
    }
    let signature = |sig: &syn::Signature| {
        let mut sig = sig.clone();
        sig.generics.where_clause = None;
        sig.to_token_stream().to_string()
    };
    let result = quote!(::core::result::Result<u32, ::steadfast::Failed<RpcError> >).to_string();
    assert_eq!(signature(&left.sig), format!("fn left (& self , what : & str) -> {result}"));
    assert_eq!(signature(&left_async.sig), format!("async fn left_async (& self , what : & str) -> {result}"));
}

#[test]
fn a_function_that_cannot_fail_is_no_method() {
    let items = stock(&format!("count: func() -> u32; nothing: func(); {LEFT}"), quote!());
    assert_eq!(names(&items, "Client"), ["left", "left_async"]);
}

#[test]
fn a_result_by_another_name_is_one() {
    let items = stock("type answer = result<u32, rpc-error>; ask: func() -> answer;", quote!());
    assert_eq!(names(&items, "Client"), ["ask", "ask_async"]);
}

#[test]
fn what_gives_a_resource_away_is_no_method_and_the_documentation_says_so() {
    for given in ["bucket", "option<bucket>", "list<tuple<u8, bucket>>", "holder", "stream<u8>", "future"] {
        let body = format!(
            "resource bucket {{}}
             record holder {{ bucket: bucket }}
             give: func(given: {given}) -> result<_, rpc-error>;
             {LEFT}"
        );
        let items = stock(&body, quote!());
        assert_eq!(names(&items, "Client"), ["left", "left_async"], "{given}");
        assert!(docs_of(&items, "Client").contains("Not here: `give`."), "{given}");
    }
    assert!(!docs_of(&stock(LEFT, quote!()), "Client").contains("Not here"));
}

#[test]
fn what_borrows_a_resource_is_a_method() {
    let body = "
        resource bucket {}
        look: func(bucket: borrow<bucket>, maybe: option<borrow<bucket>>) -> result<_, rpc-error>;
    ";
    assert_eq!(names(&stock(body, quote!()), "Client"), ["look", "look_async"]);
}

#[test]
fn a_resource_has_a_client_of_its_own() {
    let body = "
        resource bucket {
            constructor(name: string);
            get: func(key: string) -> result<u32, rpc-error>;
            size: func() -> u32;
            open: static func(name: string) -> result<bucket, rpc-error>;
            merge: func(other: bucket) -> result<_, rpc-error>;
        }
        resource quiet { size: func() -> u32; }
    ";
    let items = stock(body, quote!());
    assert_eq!(names(&items, "BucketClient"), ["get", "get_async"]);
    assert!(names(&items, "Bucket").contains(&"client".to_string()));
    assert!(!names(&items, "Quiet").contains(&"client".to_string()));
    assert!(docs_of(&items, "BucketClient").contains("Not here: `merge`."));
    assert_eq!(names(&items, "Client"), [""; 0]);
}

#[test]
fn an_async_function_has_the_async_form_only() {
    let asynchronous = LEFT.replace("func", "async func");
    assert_eq!(names(&stock(&asynchronous, quote!()), "Client"), ["left_async"]);
    assert_eq!(names(&stock(LEFT, quote!(async: true)), "Client"), ["left_async"]);
    let listed = quote!(async: ["import:acme:shop/stock@1.2.0#left"]);
    assert_eq!(names(&stock(LEFT, listed), "Client"), ["left_async"]);
}

#[test]
fn an_argument_that_is_not_borrowed_is_cloned_for_every_attempt() {
    let items = stock(&LEFT.replace("func", "async func"), quote!());
    let text = methods(&items, "Client")[0].to_token_stream().to_string();
    assert!(text.contains("what : _rt :: String"), "{text}");
    assert!(text.contains(&quote!(self::left(::core::clone::Clone::clone(&what)).await).to_string()), "{text}");
}

#[test]
fn options_that_change_a_signature_change_that_of_the_method() {
    let text = methods(&stock(LEFT, quote!(raw_strings)), "Client")[0].to_token_stream().to_string();
    assert!(text.contains("what : & [u8]"), "{text}");
    let body = "record item { name: string } put: func(item: item) -> result<_, rpc-error>;";
    let borrowing = quote!(ownership: Borrowing { duplicate_if_necessary: true });
    let text = methods(&stock(body, borrowing), "Client")[0].to_token_stream().to_string();
    assert!(text.contains("item : Item < '_"), "{text}");
}

#[test]
fn a_name_that_the_interface_has_itself_gives_way() {
    let items = stock("record client { id: u32 } get: func() -> result<client, rpc-error>;", quote!());
    assert_eq!(names(&items, "ResilientClient"), ["get", "get_async"]);
    let items = stock("client: func() -> result<u32, rpc-error>;", quote!());
    assert_eq!(names(&items, "Client"), ["client", "client_async"]);
    assert!(items.iter().any(|item| matches!(item, Item::Fn(made) if made.sig.ident == "resilient_client")));
    let items = stock(&format!("{LEFT} left-async: func() -> result<u32, rpc-error>;"), quote!());
    assert_eq!(names(&items, "Client"), ["left", "left_async", "left_async_async"]);
}

#[test]
fn a_copy_of_our_wit_among_the_callers_gives_the_same() {
    let copy = crate::bindgen::RPC_WIT;
    let items =
        |options| stock(LEFT, options).iter().map(|item| item.to_token_stream().to_string()).collect::<Vec<_>>();
    assert_eq!(items(quote!(path: #copy)), items(quote!()));
}

#[test]
fn worlds_that_get_nothing_are_left_to_generate() {
    let generate = quote!(::steadfast::__private::wit_bindgen::generate!).to_string();
    for body in ["", "count: func() -> u32;"] {
        assert!(expanded(body, quote!()).starts_with(&generate), "{body}");
    }
    // What the caller has elsewhere is not generated here.
    let elsewhere = quote!(with: { "acme:shop/stock@1.2.0": crate::stock });
    assert!(!expanded(LEFT, elsewhere).contains("Client"));
}

#[test]
fn every_option_is_understood() {
    let options = quote!(
        std_feature, raw_strings, generate_all, skip: ["nothing"], runtime_path: "rt", bitflags_path: "flags",
        map_type: "Map", export_prefix: "x", type_section_suffix: "y", default_bindings_module: "z",
        export_macro_name: "export_it", pub_export_macro: true, generate_unused_types: true,
        disable_run_ctors_once_workaround: true, disable_custom_section_link_helpers: true,
        merge_structurally_equal_types: true, ownership: Owning, features: ["one"], stubs,
        additional_derives: [PartialEq, core::hash::Hash], additional_derives_ignore: ["no"],
        additional_type_attributes: { "acme:shop/stock@1.2.0/item": [#[allow(dead_code)]] },
        additional_member_attributes: { "acme:shop/stock@1.2.0/item.id": [#[doc(hidden)]], },
        chainable_methods: [], debug: false,
        async: false,
    );
    let body = format!("record item {{ id: u32 }} put: func(item: item); {LEFT}");
    assert_eq!(names(&stock(&body, options), "Client"), ["left", "left_async"]);
}

#[test]
fn options_that_are_wrong_are_left_to_generate() {
    let generate = quote!(::steadfast::__private::wit_bindgen::generate!).to_string();
    for options in [
        quote!(raw_strings: true),
        quote!(stubs: 7),
        quote!(skip: "left"),
        quote!(ownership: Renting),
        quote!(ownership: Borrowing { often: true }),
        quote!(pub_export_macro: "yes"),
        quote!(async: true, async: false),
        quote!(additional_type_attributes: { "acme:shop/stock@1.2.0/item": [] }),
        quote!(with: { "acme:shop/stock@1.2.0": crate::stock<u8> }),
        quote!(with: { "acme:shop/absent@1.2.0": crate::absent }),
        quote!(unheard_of: 1),
        // It would put the bindings into a file, to be looked at.
        quote!(debug: true),
    ] {
        assert!(expanded(LEFT, options.clone()).starts_with(&generate), "{options}");
    }
}

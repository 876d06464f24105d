//! Where a setting stands in a configuration, as text: `targets."acme:greeter/api".retry`.

/// Adds a key to `path`: after a dot, and in quotes where it is not a bare key of TOML.
///
/// ```
/// let mut path = String::new();
/// for key in ["targets", "acme:greeter/api", "retry"] {
///     steadfast_settings::push_key(&mut path, key);
/// }
/// assert_eq!(path, "targets.\"acme:greeter/api\".retry");
/// ```
pub fn push_key(path: &mut String, key: &str) {
    if !path.is_empty() {
        path.push('.');
    }
    if !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
        path.push_str(key);
    } else {
        path.push_str(&format!("{key:?}"));
    }
}

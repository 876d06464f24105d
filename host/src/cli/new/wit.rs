//! A project for WIT that a person already has: a client of it, or a provider.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use steadfast_host::Error;
use wit_bindgen_core::wit_parser::{
    Function, Interface, PackageId, Resolve, Type, TypeDefKind, UnresolvedPackageGroup,
};
use wit_bindgen_core::{Files, WorldGenerator};
use wit_bindgen_rust::to_rust_ident;

use super::name::Name;

/// The files of a project, by their paths.
pub(super) type Project = Vec<(PathBuf, String)>;

/// What a person has: a file of WIT, or a folder with a package.
pub(super) struct Wit {
    from: PathBuf,
    resolve: Resolve,
    package: PackageId,
}

impl Wit {
    /// Reads a file, or a folder with the packages that it uses in its `deps`. The package of the error is known.
    ///
    /// # Errors
    /// [`Error::Project`], when it cannot be read, is wrong, or has no function in an interface.
    pub fn read(from: &Path) -> Result<Self, Error> {
        let wrong = |problem: String| Error::Project { path: from.into(), problem };
        let mut resolve = Resolve::new();
        let error = resolve.push_str("rpc.wit", steadfast::__private::RPC_WIT);
        error.map_err(|error| wrong(one_line(&error)))?;
        let package = match from.is_dir() {
            true => resolve.push_path(from).map(|(package, _)| package).map_err(|error| one_line(&error)),
            false => push_file(&mut resolve, from),
        };
        let package = package.map_err(|problem| {
            wrong(format!("{problem}; give a file of WIT, or a folder with a package and its `deps`"))
        })?;
        let wit = Wit { from: from.into(), resolve, package };
        if wit.interfaces().next().is_none() {
            return Err(wrong(format!("{} has no interface with a function in it; give another", wit.name())));
        }
        Ok(wit)
    }

    /// As `acme:greeter@0.1.0`.
    fn name(&self) -> String {
        self.resolve.packages[self.package].name.to_string()
    }

    /// Those of the package that have functions, with their names.
    fn interfaces(&self) -> impl Iterator<Item = (&String, &Interface)> {
        let all = self.resolve.packages[self.package].interfaces.iter();
        let all = all.map(|(name, id)| (name, &self.resolve.interfaces[*id]));
        all.filter(|(_, interface)| !interface.functions.is_empty())
    }

    /// As `acme:greeter/api@0.1.0`.
    fn id(&self, interface: &str) -> String {
        self.resolve.packages[self.package].name.interface_id(interface)
    }

    /// As `acme::greeter::api`.
    fn rust_path(&self, interface: &str) -> String {
        let package = &self.resolve.packages[self.package].name;
        [&package.namespace, &package.name, interface].map(to_rust_ident).join("::")
    }

    fn is_fallible(&self, function: &Function) -> bool {
        let Some(Type::Id(id)) = function.result else { return false };
        matches!(self.resolve.types[id].kind, TypeDefKind::Result(_))
    }

    /// A handler that has a client of each interface.
    pub fn client(self, name: &Name) -> Result<Project, Error> {
        let (mut clients, mut links) = (String::new(), String::new());
        for (interface, types) in self.interfaces() {
            let fallible: Vec<_> = types.functions.values().filter(|function| self.is_fallible(function)).collect();
            let rust = to_rust_ident(interface);
            let _ = match fallible.first() {
                Some(first) => writeln!(
                    clients,
                    "    let _{rust} = {}::client(&TARGET); // _{rust}.{}(…)?",
                    self.rust_path(interface),
                    to_rust_ident(first.item_name())
                ),
                None => {
                    writeln!(clients, "    // No function of `{interface}` returns a result: one that fails traps.")
                }
            };
            let path = self.id(interface);
            let path = path.split('@').next().unwrap_or_default();
            let _ = writeln!(links, "{} = {{ tcp = \"127.0.0.1:7761\" }}", toml::Value::from(path));
        }
        let fill = |text: &str| {
            name.fill(text)
                .replace("{{package}}", &self.name())
                .replace("{{clients}}\n", &clients)
                .replace("{{links}}\n", &links)
        };
        let mut files = vec![
            ("Cargo.toml".into(), fill(file!("client/Cargo.toml.in"))),
            ("README.md".into(), fill(file!("client/README.md.in"))),
            ("steadfast.toml".into(), fill(file!("client/steadfast.toml.in"))),
            ("src/main.rs".into(), fill(file!("client/src/main.rs.in"))),
            ("wit/world.wit".into(), self.world("What the handler calls. `wstd` adds HTTP.", "import")),
        ];
        self.add_wit(&mut files)?;
        Ok(files)
    }

    /// A component with every function of the interfaces, to be written.
    pub fn provider(self, name: &Name) -> Result<Project, Error> {
        let world = self.world("What this serves.", "export");
        let fill = |text: &str| name.fill(text).replace("{{package}}", &self.name());
        let mut files = vec![
            ("Cargo.toml".into(), fill(file!("provider/Cargo.toml.in"))),
            ("README.md".into(), fill(file!("server/README.md.in"))),
            ("steadfast.toml".into(), fill(file!("provider/steadfast.toml.in"))),
            ("src/lib.rs".into(), self.functions(&world)?),
            ("wit/world.wit".into(), world),
        ];
        self.add_wit(&mut files)?;
        Ok(files)
    }

    fn world(&self, what: &str, verb: &str) -> String {
        let mut world = format!("package local:app;\n\n/// {what}\nworld app {{\n");
        for (interface, _) in self.interfaces() {
            let _ = writeln!(world, "    {verb} {};", self.id(interface));
        }
        world + "}\n"
    }

    /// The implementation that the generator of bindings proposes, in which nothing is done yet.
    fn functions(&self, world: &str) -> Result<String, Error> {
        let wrong = |problem: String| Error::Project { path: self.from.clone(), problem };
        let mut resolve = self.resolve.clone();
        let package = resolve.push_str("world.wit", world).map_err(|error| wrong(one_line(&error)))?;
        let world = resolve.select_world(&[package], Some("app")).map_err(|error| wrong(one_line(&error)))?;
        let mut files = Files::default();
        let options = wit_bindgen_rust::Opts { stubs: true, format: true, generate_all: true, ..Default::default() };
        let generated = options.build().generate(&mut resolve, world, &mut files);
        generated.map_err(|error| wrong(one_line(&error)))?;
        let code = files.iter().map(|(_, code)| String::from_utf8_lossy(code)).collect::<String>();
        // Of one interface, the names are short.
        let paths: Vec<_> = self.interfaces().map(|(interface, _)| self.rust_path(interface)).collect();
        let (uses, long) = match &paths[..] {
            [only] => (format!("use exports::{only}::*;\n"), format!("exports::{only}::")),
            _ => (String::new(), "_rt::".into()),
        };
        let mut text = String::new();
        let mut within = false;
        for line in code.lines() {
            if line.starts_with("impl ") && line.ends_with(" for Stub {") {
                within = true;
                text.push('\n');
            }
            if within && !line.trim().starts_with("#[allow(") {
                text += &line.replace(" for Stub", " for Component").replace("= Stub;", "= Component;");
                text.push('\n');
            }
            within &= line != "}";
        }
        for (long, short) in [
            ("unreachable!()", "todo!()"),
            (&long, ""),
            ("_rt::", ""),
            ("::core::result::", ""),
            ("::core::option::", ""),
        ] {
            text = text.replace(long, short);
        }
        Ok(format!(
            "//! Serves `{}`.\n\nsteadfast::bindgen!(\"app\");\n{uses}\nstruct Component;\n\nexport!(Component);\n{text}",
            self.name()
        ))
    }

    /// The WIT itself, among the dependencies of the world, as it is.
    fn add_wit(&self, files: &mut Project) -> Result<(), Error> {
        let name = &self.resolve.packages[self.package].name;
        let own = PathBuf::from("wit/deps").join(format!("{}-{}", name.namespace, name.name));
        if !self.from.is_dir() {
            return add_file(&self.from, &own, files);
        }
        for path in entries(&self.from)? {
            match path.file_name() {
                Some(file) if file == "deps" => add_folder(&path, Path::new("wit/deps"), files)?,
                _ if path.is_file() => add_file(&path, &own, files)?,
                _ => {}
            }
        }
        Ok(())
    }
}

fn add_folder(from: &Path, to: &Path, files: &mut Project) -> Result<(), Error> {
    for path in entries(from)? {
        match path.file_name() {
            Some(name) if path.is_dir() => add_folder(&path, &to.join(name), files)?,
            _ => add_file(&path, to, files)?,
        }
    }
    Ok(())
}

fn add_file(from: &Path, to: &Path, files: &mut Project) -> Result<(), Error> {
    let (Some(name), true) = (from.file_name(), from.extension().is_some_and(|extension| extension == "wit")) else {
        return Ok(());
    };
    let text = fs::read_to_string(from).map_err(|error| unread(from, &error))?;
    files.push((to.join(name), text));
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = fs::read_dir(folder).map_err(|error| unread(folder, &error))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

fn unread(path: &Path, error: &std::io::Error) -> Error {
    Error::Project { path: path.into(), problem: format!("it cannot be read: {error}") }
}

/// A package that is one file.
fn push_file(resolve: &mut Resolve, file: &Path) -> Result<PackageId, String> {
    let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let group = UnresolvedPackageGroup::parse(file, &text);
    let group = group.map_err(|(sources, error)| one_line(&error.render(&sources)))?;
    resolve.push_group(group).map_err(|error| one_line(&error))
}

/// What the parser says, which draws the place below: the place, and what is wrong there.
fn one_line(error: &dyn std::fmt::Display) -> String {
    let text = format!("{error:#}");
    let place = text.lines().find_map(|line| line.trim_start().strip_prefix("--> "));
    match (text.lines().next(), place) {
        (Some(problem), Some(place)) => format!("{place}: {problem}"),
        _ => text.split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

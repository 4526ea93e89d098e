//! Which file imports from which: every path of the sources, followed through aliases and re-exports to where it is defined.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use syn::visit::Visit;

/// A module of the crate: one file, or a block in one.
#[derive(Default)]
struct Module {
    file: String,
    /// Names defined here, but for modules.
    items: BTreeSet<String>,
    /// What `use` brings in: name here → full path. Globs have the name `*`.
    imports: Vec<(String, Vec<String>)>,
    /// All other paths that are written here.
    paths: Vec<Vec<String>>,
}

/// All modules of a crate by path from its root; the root is the empty path.
pub struct Sources {
    modules: HashMap<Vec<String>, Module>,
    /// Name that the crate's own library has in this crate, if it is a program beside it.
    pub files: BTreeSet<String>,
}

/// Code that is compiled for tests only may import what it likes.
pub fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

fn segments(path: &syn::Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

struct Collector<'a> {
    modules: &'a mut HashMap<Vec<String>, Module>,
    path: Vec<String>,
    file: String,
}

impl Collector<'_> {
    fn here(&mut self) -> &mut Module {
        let file = self.file.clone();
        self.modules.entry(self.path.clone()).or_insert_with(|| Module { file, ..Module::default() })
    }

    fn import(&mut self, tree: &syn::UseTree, before: &[String]) {
        let with = |name: String| before.iter().cloned().chain([name]).collect::<Vec<_>>();
        match tree {
            syn::UseTree::Path(path) => self.import(&path.tree, &with(path.ident.to_string())),
            syn::UseTree::Name(name) if name.ident == "self" => {
                self.here().imports.push((before.last().cloned().unwrap_or_default(), before.to_vec()));
            }
            syn::UseTree::Name(name) => {
                let name = name.ident.to_string();
                self.here().imports.push((name.clone(), with(name)));
            }
            syn::UseTree::Rename(rename) => {
                let full = if rename.ident == "self" { before.to_vec() } else { with(rename.ident.to_string()) };
                self.here().imports.push((rename.rename.to_string(), full));
            }
            syn::UseTree::Glob(_) => self.here().imports.push(("*".into(), before.to_vec())),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(tree, before)),
        }
    }

    /// Paths among the tokens of a macro's call or definition.
    fn tokens(&mut self, stream: proc_macro2::TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in stream {
            match token {
                proc_macro2::TokenTree::Ident(ident) if colons == 2 && !path.is_empty() => {
                    path.push(ident.to_string());
                    colons = 0;
                }
                proc_macro2::TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                other => {
                    self.keep(std::mem::take(&mut path));
                    colons = 0;
                    match other {
                        proc_macro2::TokenTree::Ident(ident) => path = vec![ident.to_string()],
                        proc_macro2::TokenTree::Group(group) => self.tokens(group.stream()),
                        _ => {}
                    }
                }
            }
        }
        self.keep(path);
    }

    fn keep(&mut self, path: Vec<String>) {
        if path.len() > 1 {
            self.here().paths.push(path);
        }
    }
}

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        use syn::Item;
        let (attributes, name) = match item {
            Item::Const(i) => (&i.attrs, Some(&i.ident)),
            Item::Enum(i) => (&i.attrs, Some(&i.ident)),
            Item::Fn(i) => (&i.attrs, Some(&i.sig.ident)),
            Item::Macro(i) => (&i.attrs, i.ident.as_ref()),
            Item::Static(i) => (&i.attrs, Some(&i.ident)),
            Item::Struct(i) => (&i.attrs, Some(&i.ident)),
            Item::Trait(i) => (&i.attrs, Some(&i.ident)),
            Item::Type(i) => (&i.attrs, Some(&i.ident)),
            Item::Union(i) => (&i.attrs, Some(&i.ident)),
            Item::Impl(i) => (&i.attrs, None),
            Item::Use(i) => (&i.attrs, None),
            Item::Mod(i) => (&i.attrs, None),
            _ => return syn::visit::visit_item(self, item),
        };
        if is_test(attributes) {
            return;
        }
        if let Some(name) = name {
            let name = name.to_string();
            self.here().items.insert(name);
        }
        match item {
            Item::Mod(module) => {
                if let Some((_, items)) = &module.content {
                    self.path.push(module.ident.to_string());
                    self.here();
                    items.iter().for_each(|item| self.visit_item(item));
                    self.path.pop();
                }
            }
            Item::Use(import) => self.import(&import.tree, &[]),
            _ => syn::visit::visit_item(self, item),
        }
    }

    fn visit_item_use(&mut self, import: &'ast syn::ItemUse) {
        // Within a function.
        self.import(&import.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.keep(segments(path));
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.tokens(call.tokens.clone());
        syn::visit::visit_macro(self, call);
    }
}

impl Sources {
    /// The sources below `root`, the folder of lib.rs or main.rs; `leaving_out` are folders of other crates.
    pub fn read(root: &Path, leaving_out: &[&str]) -> Self {
        let mut modules = HashMap::new();
        let mut files = BTreeSet::new();
        let mut open = vec![root.to_path_buf()];
        while let Some(path) = open.pop() {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            if leaving_out.contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                open.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            } else if name.ends_with(".rs") {
                let parsed = syn::parse_file(&std::fs::read_to_string(&path).unwrap());
                let parsed = parsed.unwrap_or_else(|error| panic!("{name}: {error}"));
                let mut path: Vec<String> = name.trim_end_matches(".rs").split('/').map(String::from).collect();
                if ["lib", "main", "mod"].contains(&path.last().unwrap().as_str()) {
                    path.pop();
                }
                files.insert(name.clone());
                let mut collector = Collector { modules: &mut modules, path, file: name };
                collector.here();
                parsed.items.iter().for_each(|item| collector.visit_item(item));
            }
        }
        Sources { modules, files }
    }

    /// The path from the crate's root, if it is one of this crate as seen from the module `here`.
    fn absolute(&self, here: &[String], path: &[String]) -> Option<Vec<String>> {
        let joined = |base: &[String], rest: &[String]| base.iter().chain(rest).cloned().collect::<Vec<_>>();
        match path.first()?.as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" => Some(joined(here, &path[1..])),
            "super" => {
                let ups = path.iter().take_while(|segment| *segment == "super").count();
                Some(joined(&here[..here.len().checked_sub(ups)?], &path[ups..]))
            }
            // A name that is known here.
            first => {
                let module = self.modules.get(here)?;
                let is_child = self.modules.contains_key(&joined(here, &path[..1]));
                let is_known = is_child || module.imports.iter().any(|(name, full)| name == first && full[0] != first);
                is_known.then(|| joined(here, path))
            }
        }
    }

    /// Files that a path from the root leads to: every one that it is re-exported by, and the one of the definition.
    fn follow(&self, path: &[String], depth: usize, found: &mut BTreeSet<String>) {
        assert!(depth < 32, "{path:?} leads in a circle");
        let mut here: Vec<String> = Vec::new();
        for (n, segment) in path.iter().enumerate() {
            let module = &self.modules[&here];
            let child: Vec<String> = here.iter().chain([segment]).cloned().collect();
            if self.modules.contains_key(&child) {
                here = child;
                continue;
            }
            found.insert(module.file.clone());
            if module.items.contains(segment) {
                return;
            }
            for (name, full) in &module.imports {
                if (name == segment || name == "*")
                    && let Some(mut full) = self.absolute(&here, full)
                {
                    let rest = if name == "*" { &path[n..] } else { &path[n + 1..] };
                    full.extend(rest.iter().cloned());
                    self.follow(&full, depth + 1, found);
                }
            }
            return;
        }
        found.insert(self.modules[&here].file.clone());
    }

    /// File → files that it takes something from.
    pub fn imports(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut all: BTreeMap<String, BTreeSet<String>> =
            self.files.iter().map(|file| (file.clone(), BTreeSet::new())).collect();
        for (here, module) in &self.modules {
            let mut found = BTreeSet::new();
            let imported = module.imports.iter().map(|(_, full)| full);
            for path in imported.chain(&module.paths).filter_map(|path| self.absolute(here, path)) {
                self.follow(&path, 0, &mut found);
            }
            found.remove(&module.file);
            all.entry(module.file.clone()).or_default().extend(found);
        }
        all
    }
}

/// Groups of files that import each other, directly or by others; groups of one are left out.
pub fn circles(imports: &BTreeMap<String, BTreeSet<String>>) -> Vec<BTreeSet<String>> {
    let reach = |from: &String| {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&String> = imports[from].iter().collect();
        while let Some(file) = open.pop() {
            if seen.insert(file.clone()) {
                open.extend(&imports[file]);
            }
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> = imports.keys().map(|file| (file, reach(file))).collect();
    let mut circles: Vec<BTreeSet<String>> = Vec::new();
    for (file, others) in &reached {
        let circle: BTreeSet<String> =
            others.iter().filter(|other| reached[other].contains(*file)).cloned().chain([(*file).clone()]).collect();
        if circle.len() > 1 && !circles.contains(&circle) {
            circles.push(circle);
        }
    }
    circles
}

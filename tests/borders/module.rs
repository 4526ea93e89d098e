//! What one module says: its names, imports, paths, calls, and ways past this reading.

use proc_macro2::{TokenStream, TokenTree};
use std::collections::{BTreeSet, HashMap};
use syn::visit::{self, Visit};

/// A module of the crate: one file, or a block in one. Code for tests is left out.
#[derive(Default)]
pub struct Module {
    pub file: String,
    /// Names defined here, but for modules.
    pub items: BTreeSet<String>,
    /// What `use` brings in: name here → full path.
    pub imports: Vec<(String, Vec<String>)>,
    /// All other paths of two or more names that are written here.
    pub paths: Vec<Vec<String>>,
    /// Names of methods and macros that are called here.
    pub methods: BTreeSet<String>,
    pub macros: BTreeSet<String>,
    pub is_unsafe: bool,
    /// What would hide an import from this reading.
    pub hidden: Vec<String>,
}

/// All modules of a crate by path from its root; the root is the empty path.
pub type Modules = HashMap<Vec<String>, Module>;

/// Name of the library: its own sources say `crate`.
const LIBRARY: &str = "grating_calibration";

/// Code that is compiled for tests only may do what it likes.
pub fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

/// Adds the modules of a file, which is the module at `path`.
pub fn collect(modules: &mut Modules, path: Vec<String>, file: &str, text: &str) {
    let parsed = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut collector = Collector { modules, path, file: file.into() };
    collector.here();
    collector.visit_file(&parsed);
}

struct Collector<'a> {
    modules: &'a mut Modules,
    path: Vec<String>,
    file: String,
}

impl Collector<'_> {
    fn here(&mut self) -> &mut Module {
        let file = self.file.clone();
        self.modules.entry(self.path.clone()).or_insert_with(|| Module { file, ..Module::default() })
    }

    fn hides(&mut self, what: impl Into<String>) {
        self.here().hidden.push(what.into());
    }

    fn import(&mut self, tree: &syn::UseTree, before: &[String]) {
        let with = |name: String| before.iter().cloned().chain([name]).collect::<Vec<_>>();
        match tree {
            syn::UseTree::Path(path) => self.import(&path.tree, &with(path.ident.to_string())),
            syn::UseTree::Name(name) if name.ident == "self" => {
                self.bring_in(before.last().cloned().unwrap_or_default(), before.to_vec());
            }
            syn::UseTree::Name(name) => {
                let name = name.ident.to_string();
                self.bring_in(name.clone(), with(name));
            }
            syn::UseTree::Rename(rename) => {
                let is_self = rename.ident == "self" && !before.is_empty();
                let full = if is_self { before.to_vec() } else { with(rename.ident.to_string()) };
                self.bring_in(rename.rename.to_string(), full);
            }
            syn::UseTree::Glob(_) => {
                // Preludes of other crates.
                let is_own = before.first().is_none_or(|first| ["crate", "self", "super"].contains(&first.as_str()));
                if is_own || before.last().is_none_or(|last| last != "prelude") {
                    self.hides(format!("use {}::*", before.join("::")));
                }
                self.keep(before.to_vec());
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| self.import(tree, before)),
        }
    }

    fn bring_in(&mut self, name: String, full: Vec<String>) {
        if full.first().is_some_and(|first| first == LIBRARY) {
            self.hides(full.join("::"));
        }
        self.here().imports.push((name, full));
    }

    fn keep(&mut self, path: Vec<String>) {
        if path.len() > 1 {
            if path[0] == LIBRARY {
                self.hides(path.join("::"));
            }
            self.here().paths.push(path);
        }
    }

    fn call_macro(&mut self, name: String) {
        if name == "include" {
            self.hides("include!");
        }
        self.here().macros.insert(name);
    }

    /// Paths, imports and calls among the tokens of a macro's call or definition, or of an attribute.
    fn tokens(&mut self, stream: TokenStream) {
        let is = |token: Option<&TokenTree>, wanted: char| matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted);
        let mut tokens: Vec<TokenTree> = stream.into_iter().collect();
        // `$crate` is `crate`.
        let is_crate = |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Ident(ident)) if ident == "crate");
        let dollars: Vec<usize> =
            (0..tokens.len()).filter(|&n| is(tokens.get(n), '$') && is_crate(tokens.get(n + 1))).collect();
        dollars.into_iter().rev().for_each(|n| drop(tokens.remove(n)));
        let mut n = 0;
        while n < tokens.len() {
            let before = n.checked_sub(1).and_then(|before| tokens.get(before));
            let follows = |n: usize| is(tokens.get(n), ':') && is(tokens.get(n + 1), ':');
            match &tokens[n] {
                TokenTree::Ident(word) if word == "use" => {
                    let length = tokens[n..].iter().take_while(|token| !is(Some(token), ';')).count();
                    let end = (n + length + 1).min(tokens.len());
                    let import = tokens[n..end].iter().cloned().collect::<TokenStream>();
                    match syn::parse2::<syn::ItemUse>(import.clone()) {
                        Ok(import) => self.import(&import.tree, &[]),
                        Err(_) => self.hides(format!("{import} in a macro")),
                    }
                    n = end;
                    continue;
                }
                TokenTree::Ident(word) => {
                    let is_placeholder = is(before, '$');
                    let mut path = vec![word.to_string()];
                    self.here().is_unsafe |= word == "unsafe";
                    if ["macro_use", "macro_export"].contains(&path[0].as_str())
                        || word == "extern" && is_crate(tokens.get(n + 1))
                    {
                        self.hides(path[0].clone());
                    }
                    if is(before, '.') && !is(n.checked_sub(2).and_then(|n| tokens.get(n)), '.') {
                        self.here().methods.insert(path[0].clone());
                    }
                    while follows(n + 1) {
                        let Some(TokenTree::Ident(next)) = tokens.get(n + 3) else { break };
                        path.push(next.to_string());
                        n += 3;
                    }
                    if is_placeholder && path.len() > 1
                        || follows(n + 1) && is(tokens.get(n + 3), '$') && path[0].starts_with(char::is_lowercase)
                    {
                        self.hides(format!("{} with a placeholder in a macro", path.join("::")));
                    }
                    if is(tokens.get(n + 1), '!') && !is(tokens.get(n + 2), '=') {
                        self.call_macro(path.last().cloned().unwrap_or_default());
                    }
                    self.keep(path);
                }
                TokenTree::Group(group) => {
                    let (group, is_attribute) = (group.stream(), is(before, '#'));
                    if is_attribute && group.to_string().starts_with("path") {
                        self.hides("#[path]");
                    }
                    if !(is_attribute && group.to_string().starts_with("doc")) {
                        self.tokens(group);
                    }
                }
                TokenTree::Literal(literal) => {
                    // `#[serde(with = "crate::…")]`.
                    if let syn::Lit::Str(text) = syn::Lit::new(literal.clone())
                        && text.value().contains("::")
                        && let Ok(text) = text.value().parse()
                    {
                        self.tokens(text);
                    }
                }
                TokenTree::Punct(_) => {}
            }
            n += 1;
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
            Item::ExternCrate(_) => return self.hides("extern crate"),
            _ => return visit::visit_item(self, item),
        };
        if is_test(attributes) {
            return;
        }
        if let Some(name) = name {
            let name = name.to_string();
            self.here().items.insert(name);
        }
        match item {
            // Visible in the rooms below without a path.
            Item::Macro(_) if name.is_some() && (self.file.ends_with("mod.rs") || self.file == "lib.rs") => {
                self.hides("a macro in a folder's head");
            }
            Item::Impl(block) => self.here().is_unsafe |= block.unsafety.is_some(),
            _ => {}
        }
        match item {
            Item::Mod(module) => {
                module.attrs.iter().for_each(|attribute| self.visit_attribute(attribute));
                if let Some((_, items)) = &module.content {
                    self.path.push(module.ident.to_string());
                    self.here();
                    items.iter().for_each(|item| self.visit_item(item));
                    self.path.pop();
                }
            }
            _ => visit::visit_item(self, item),
        }
    }

    fn visit_item_use(&mut self, import: &'ast syn::ItemUse) {
        self.import(&import.tree, &[]);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_test(&function.attrs) {
            visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        let stream = match &attribute.meta {
            syn::Meta::List(list) => list.tokens.clone(),
            syn::Meta::NameValue(pair) if !pair.path.is_ident("doc") => {
                if let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) = &pair.value {
                    text.value().parse().unwrap_or_default()
                } else {
                    TokenStream::new()
                }
            }
            _ => TokenStream::new(),
        };
        let is_conditional_path = attribute.path().is_ident("cfg_attr") && stream.to_string().contains("path =");
        let name = attribute.path().segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
        if is_conditional_path || ["path", "macro_export", "macro_use"].contains(&name.as_str()) {
            self.hides(format!("#[{name}]"));
        }
        self.visit_path(attribute.path());
        self.tokens(stream);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.keep(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let name = call.path.segments.last().map(|segment| segment.ident.to_string());
        self.call_macro(name.unwrap_or_default());
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.here().methods.insert(call.method.to_string());
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_unsafe(&mut self, block: &'ast syn::ExprUnsafe) {
        self.here().is_unsafe = true;
        visit::visit_expr_unsafe(self, block);
    }
}

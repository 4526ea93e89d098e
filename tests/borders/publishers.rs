//! Which topics a file publishes on.

use syn::visit::{self, Visit};

/// Publishers that a file makes: their topics, `None` where the topic does not stand at the call.
#[derive(Default)]
pub struct Publishers(pub Vec<Option<String>>);

/// All of r2r's calls that make a publisher begin so.
const CALL: &str = "create_publisher";

impl Publishers {
    /// Those of a file's text, without its tests.
    pub fn of(text: &str) -> Self {
        let mut found = Publishers::default();
        found.visit_file(&syn::parse_file(text).unwrap());
        found
    }
}

/// `"topic"`, `&"topic"`, `&format!("topic")`.
fn topic(argument: &syn::Expr) -> Option<String> {
    match argument {
        syn::Expr::Reference(reference) => topic(&reference.expr),
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
        syn::Expr::Macro(call) if call.mac.path.is_ident("format") => {
            call.mac.parse_body::<syn::LitStr>().ok().map(|text| text.value())
        }
        _ => None,
    }
}

impl<'ast> Visit<'ast> for Publishers {
    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if call.method.to_string().starts_with(CALL) {
            self.0.push(call.args.first().and_then(topic));
        }
        visit::visit_expr_method_call(self, call);
    }

    /// `Node::create_publisher(…)`, or the function handed on.
    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.iter().any(|segment| segment.ident.to_string().starts_with(CALL)) {
            self.0.push(None);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if call.tokens.to_string().contains(CALL) {
            self.0.push(None);
        }
        visit::visit_macro(self, call);
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !crate::module::is_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }
}

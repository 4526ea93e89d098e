//! Text in the sources that a person may read: string literals outside comments and tests.

use proc_macro2::{TokenStream, TokenTree};

/// All string literals of a file, without those of documentation and of code for tests.
pub fn literals(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    collect(text.parse().expect("Rust"), &mut found);
    found
}

fn collect(stream: TokenStream, found: &mut Vec<String>) {
    let mut tokens = stream.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '#' => {
                // `#!` of an inner attribute.
                tokens.next_if(|token| matches!(token, TokenTree::Punct(punct) if punct.as_char() == '!'));
                let Some(TokenTree::Group(attribute)) = tokens.peek() else { continue };
                let attribute = attribute.stream().to_string().replace(' ', "");
                if attribute.starts_with("doc=") {
                    tokens.next();
                } else if attribute == "cfg(test)" {
                    tokens.next();
                    // What it stands before: up to a semicolon or a block.
                    for token in tokens.by_ref() {
                        match token {
                            TokenTree::Punct(punct) if punct.as_char() == ';' => break,
                            TokenTree::Group(group) if group.delimiter() == proc_macro2::Delimiter::Brace => break,
                            _ => {}
                        }
                    }
                }
            }
            TokenTree::Group(group) => collect(group.stream(), found),
            TokenTree::Literal(literal) => {
                if let syn::Lit::Str(text) = syn::Lit::new(literal) {
                    found.push(text.value());
                }
            }
            _ => {}
        }
    }
}

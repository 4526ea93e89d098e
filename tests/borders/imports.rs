//! Which file imports from which: every path of the sources, followed through aliases and re-exports to where it is defined.

use crate::module::{Module, Modules, collect};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The modules of a crate.
pub struct Sources {
    modules: Modules,
    pub files: BTreeSet<String>,
}

impl Sources {
    /// The sources below `root`, the folder of lib.rs or main.rs; `leaving_out` are folders of other crates.
    pub fn read(root: &Path, leaving_out: &[&str]) -> Self {
        let mut files = BTreeMap::new();
        let mut open = vec![root.to_path_buf()];
        while let Some(path) = open.pop() {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            if leaving_out.contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                open.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            } else if name.ends_with(".rs") {
                files.insert(name, std::fs::read_to_string(&path).unwrap());
            }
        }
        Sources::of(&files)
    }

    /// Those with these texts, by name.
    pub fn of(files: &BTreeMap<String, String>) -> Self {
        let mut modules = Modules::new();
        for (name, text) in files {
            let mut path: Vec<String> = name.trim_end_matches(".rs").split('/').map(String::from).collect();
            if ["lib", "main", "mod"].contains(&path.last().unwrap().as_str()) {
                path.pop();
            }
            collect(&mut modules, path, name, text);
        }
        Sources { modules, files: files.keys().cloned().collect() }
    }

    /// The modules of a file.
    pub fn of_file(&self, file: &str) -> impl Iterator<Item = &Module> {
        self.modules.values().filter(move |module| module.file == file)
    }

    /// Paths that a file writes or imports, also as they read without the names that imports give.
    pub fn paths(&self, file: &str) -> BTreeSet<Vec<String>> {
        let mut found = BTreeSet::new();
        for module in self.of_file(file) {
            let mut open: Vec<Vec<String>> =
                module.imports.iter().map(|(_, full)| full).chain(&module.paths).cloned().collect();
            while let Some(path) = open.pop() {
                if path.len() < 16 && found.insert(path.clone()) {
                    let meant = module.imports.iter().filter(|(name, _)| *name == path[0]);
                    open.extend(meant.map(|(_, full)| [full, &path[1..]].concat()));
                }
            }
        }
        found
    }

    /// The path from the crate's root, if it is one of this crate as seen from the module `here`.
    fn absolute(&self, here: &[String], path: &[String]) -> Option<Vec<String>> {
        let joined = |base: &[String], rest: &[String]| [base, rest].concat();
        match path.first()?.as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" | "super" => {
                let steps = path.iter().take_while(|segment| ["self", "super"].contains(&segment.as_str()));
                let (steps, ups) = (steps.clone().count(), steps.filter(|step| *step == "super").count());
                Some(joined(&here[..here.len().checked_sub(ups)?], &path[steps..]))
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
                if name == segment
                    && let Some(mut full) = self.absolute(&here, full)
                {
                    full.extend_from_slice(&path[n + 1..]);
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

//! Compiles the C implementation into a static library, with the C compiler of the target.
//!
//! CC_<target>, TARGET_CC and CC name another compiler, AR_<target>, TARGET_AR and AR another
//! archiver, CFLAGS_<target> and CFLAGS further flags; <target> as Rust spells it, or with
//! underscores. CC, AR and CFLAGS alone count for native builds only.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

fn main() {
    if var("CARGO_CFG_TARGET_OS").as_deref() != Some("linux") {
        return; // lib.rs says that it needs Linux
    }
    let target = Target::from_environment();
    let out = PathBuf::from(var("OUT_DIR").expect("cargo sets OUT_DIR"));
    let sources = ["csrc/tism.c", "csrc/abi.c"];
    let objects = sources.map(|source| target.compile(Path::new(source), &out));
    target.archive(&objects, &out.join("libtism_rust.a"));

    for file in ["build.rs", "csrc/tism.c", "csrc/tism.h", "csrc/abi.c"] {
        println!("cargo::rerun-if-changed={file}");
    }
    println!("cargo::rustc-link-search=native={}", out.display());
    println!("cargo::rustc-link-lib=static=tism_rust");
}

fn var(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

struct Target {
    name: String,
    native: bool,
}

impl Target {
    fn from_environment() -> Target {
        let name = var("TARGET").expect("cargo sets TARGET");
        let native = var("HOST").as_ref() == Some(&name);
        Target { name, native }
    }

    /// The value of the first variable of this kind that is set.
    fn setting(&self, kind: &str) -> Option<String> {
        let mut names = vec![
            format!("{kind}_{}", self.name),
            format!("{kind}_{}", self.name.replace('-', "_")),
            format!("TARGET_{kind}"),
        ];
        if self.native {
            names.push(kind.to_string());
        }
        for name in &names {
            println!("cargo::rerun-if-env-changed={name}");
        }
        names.iter().find_map(|name| var(name))
    }

    /// What the GNU tools for the target begin with, as Debian names them; empty for the machine's own.
    fn prefix(&self) -> String {
        if self.native {
            return String::new();
        }
        let mut parts = self.name.split('-');
        let arch = match parts.next().unwrap_or_default() {
            "armv7" | "arm" | "armv5te" | "thumbv7neon" => "arm",
            "riscv64gc" => "riscv64",
            "i586" | "i686" => "i686",
            other => other,
        };
        let environment = parts.next_back().unwrap_or("gnu");
        format!("{arch}-linux-{environment}-")
    }

    fn compiler(&self) -> String {
        if let Some(cc) = self.setting("CC") {
            return cc;
        }
        if self.native {
            return "cc".into();
        }
        let host = var("HOST").unwrap_or_default();
        let arch = |triple: &str| triple.split('-').next().map(str::to_string);
        if self.name.ends_with("-musl") && arch(&host) == arch(&self.name) {
            return "musl-gcc".into();
        }
        format!("{}gcc", self.prefix())
    }

    /// Debian's compiler for arm makes ARMv7 code, which a Pi Zero cannot run.
    fn machine(&self) -> &'static [&'static str] {
        match self.name.as_str() {
            "arm-unknown-linux-gnueabihf" | "arm-unknown-linux-musleabihf" => {
                &["-march=armv6", "-marm", "-mfpu=vfp", "-mfloat-abi=hard"]
            }
            "arm-unknown-linux-gnueabi" | "arm-unknown-linux-musleabi" => {
                &["-march=armv6", "-marm", "-mfloat-abi=soft"]
            }
            _ => &[],
        }
    }

    fn compile(&self, source: &Path, out: &Path) -> PathBuf {
        let object = out.join(source.with_extension("o").file_name().expect("a file"));
        let compiler = self.compiler();
        // As in other build systems, CC may hold flags, or a wrapper such as ccache.
        let mut words = compiler.split_whitespace();
        let mut command = Command::new(words.next().unwrap_or("cc"));
        command.args(words).args(["-std=c11", "-O2", "-fPIC", "-Wall", "-Wextra", "-pthread"]);
        command.args(self.machine());
        command.args(self.setting("CFLAGS").unwrap_or_default().split_whitespace());
        command.arg("-c").arg(source).arg("-o").arg(&object);
        let advice = format!(
            "tism needs a C compiler for {0}: install it, or name one in CC_{1}",
            self.name,
            self.name.replace('-', "_")
        );
        run(command, &advice);
        object
    }

    fn archive(&self, objects: &[PathBuf], library: &Path) {
        let ar = self.setting("AR").unwrap_or_else(|| format!("{}ar", self.prefix()));
        let _ = std::fs::remove_file(library);
        let mut command = Command::new(&ar);
        command.arg("crs").arg(library).args(objects);
        // The archiver of another machine does as well: an archive knows no architecture.
        let mut own = Command::new("ar");
        own.arg("crs").arg(library).args(objects);
        if command.status().is_ok_and(|status| status.success()) {
            return;
        }
        run(own, &format!("tism needs an archiver: {ar} did not work, and neither did ar"));
    }
}

fn run(mut command: Command, advice: &str) {
    let done = command.status();
    if !done.as_ref().is_ok_and(|status| status.success()) {
        eprintln!("{advice}\nrunning {command:?}: {done:?}");
        exit(1);
    }
}

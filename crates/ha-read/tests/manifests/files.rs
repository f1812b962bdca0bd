//! How sources are found and opened (hostile.md 15 and 17).

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;
use std::thread;

use ha_read::manifests::{self, Options, Source};

use crate::{DEPLOYMENT, names, read_source};

fn pod(name: &str) -> String {
    format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\n")
}

fn read_names(path: &Path, recursive: bool) -> Vec<String> {
    let options = Options { recursive, ..Options::default() };
    let (_, read) = read_source(Source::Path(path.into()), &options).unwrap();
    names(&read).into_iter().map(str::to_owned).collect()
}

#[test]
fn a_directory_gives_its_manifests_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    fs::create_dir(path.join("sub")).unwrap();
    for file in ["b.yml", "a.yaml", "readme.md", "sub/c.yaml", "z.json"] {
        fs::write(path.join(file), pod(file)).unwrap();
    }
    assert_eq!(read_names(path, false), ["a.yaml", "b.yml", "z.json"]);
    assert_eq!(read_names(path, true), ["a.yaml", "b.yml", "z.json", "sub/c.yaml"]);
}

#[cfg(unix)]
#[test]
fn a_directory_walk_reads_regular_files_and_ends() {
    use std::os::unix::fs::symlink;

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    fs::write(path.join("pod.yaml"), pod("a")).unwrap();
    symlink(path, path.join("loop")).unwrap();
    for (link, target) in [("link", "pod"), ("broken", "nowhere"), ("self", "self")] {
        symlink(path.join(format!("{target}.yaml")), path.join(format!("{link}.yaml"))).unwrap();
    }
    symlink("/dev/zero", path.join("zero.yaml")).unwrap();
    let options = Options { recursive: true, ..Options::default() };
    let (manifests, read) = read_source(Source::Path(path.into()), &options).unwrap();
    assert_eq!(names(&read), ["a", "a"]);
    let problems: Vec<String> = manifests.problems.iter().map(ToString::to_string).collect();
    let expected = ["broken.yaml: No such file", "self.yaml: ", "zero.yaml: not a regular file"];
    assert_eq!(problems.len(), expected.len(), "{problems:?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.contains(expected), "{problem}");
    }
}

#[test]
fn a_missing_file_leaves_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let good = directory.path().join("good.yaml");
    fs::write(&good, DEPLOYMENT).unwrap();
    let sources = [Source::Path(directory.path().join("none.yaml")), Source::Path(good)];
    let manifests = manifests::read(&sources, &Options::default(), &mut |_| {}).unwrap();
    assert_eq!(manifests.objects, 1);
    assert!(manifests.problems[0].to_string().contains("none.yaml: No such file"));
}

#[test]
fn a_kustomization_is_built_by_kubectl() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    fs::write(path.join("deployment.yaml"), DEPLOYMENT).unwrap();
    fs::write(path.join("kustomization.yaml"), "namePrefix: big-\nresources: [deployment.yaml]\n").unwrap();
    let (_, read) = read_source(Source::Kustomize(path.into()), &Options::default()).unwrap();
    assert_eq!(names(&read), ["big-web"]);
    let location = read[0].location.as_ref().unwrap();
    assert!(location.file.ends_with(" (kustomize)"), "{location:?}");

    fs::write(path.join("kustomization.yaml"), "resources: [none.yaml]\n").unwrap();
    let error = read_source(Source::Kustomize(path.into()), &Options::default()).unwrap_err();
    assert!(error.to_string().contains("kubectl kustomize failed: "), "{error}");
}

#[test]
fn utf16_as_powershell_writes_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pod.yaml");
    let mut bytes = vec![0xFF, 0xFE];
    bytes.extend(pod("wide").encode_utf16().flat_map(u16::to_le_bytes));
    fs::write(&path, bytes).unwrap();
    assert_eq!(read_names(&path, false), ["wide"]);
}

#[test]
#[cfg(unix)]
fn binary_data_is_refused_at_once() {
    let error = read_source(Source::Path("/dev/zero".into()), &Options::default()).unwrap_err();
    assert!(error.to_string().contains("/dev/zero: binary data"), "{error}");
}

#[test]
fn large_files_are_not_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large.yaml");
    // A sparse file: a gigabyte of text is refused the same way, before a byte of it is read.
    fs::File::create(&path).unwrap().set_len(1 << 30).unwrap();
    let error = read_source(Source::Path(path), &Options::default()).unwrap_err();
    assert!(error.to_string().contains("large.yaml: larger than"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_pipe_is_read_when_named_and_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pipe.yaml");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let open = {
        let path = path.clone();
        move || OpenOptions::new().write(true).open(&path).unwrap()
    };
    let writer = thread::spawn({
        let open = open.clone();
        move || open().write_all(pod("piped").as_bytes())
    });
    assert_eq!(read_names(&path, false), ["piped"]);
    writer.join().unwrap().unwrap();

    let writer = thread::spawn(move || {
        let (mut pipe, endless) = (open(), vec![b'x'; 1 << 16]);
        // Ends with a broken pipe once the reader has had enough.
        while pipe.write_all(&endless).is_ok() {}
    });
    let options = Options { max_bytes: 1 << 20, ..Options::default() };
    let error = read_source(Source::Path(path), &options).unwrap_err();
    assert!(error.to_string().contains("larger than 1048576 bytes"), "{error}");
    writer.join().unwrap();
}

use super::*;

fn told(options: &[&str]) -> Result<Settings, String> {
    let ends = ["--pull", "ipc:///tmp/a", "--backend", "ipc:///tmp/b", "--frontend", "ipc:///tmp/c"];
    let given = |end: &str| options.contains(&end);
    let others = ends.chunks(2).filter(|end| !given(end[0])).flatten();
    let all = ["service", "--tokenizer", "/"].iter().chain(others).chain(options);
    let settings = Settings::try_parse_from(all).map_err(|error| error.to_string())?;
    settings.check().map(|()| settings)
}

fn refused(options: &[&str]) -> String {
    told(options).map(|_| options.join(" ")).expect_err("is refused")
}

const CURVE: [&str; 4] = ["--curve-certificate", "own", "--curve-clients", "clients"];
const SERVER: [&str; 2] = ["--curve-server", "theirs"];

#[test]
fn the_ends_to_bind() {
    let bound = |options: &[&str]| told(options).unwrap().ends().map(|(_, _, bound)| bound);
    assert_eq!(bound(&[]), [true, false, false]);
    assert_eq!(bound(&["--bind", "backend"]), [false, true, false]);
    assert_eq!(bound(&["--bind", "backend,frontend", "--bind", "pull"]), [true; 3]);
    assert_eq!(bound(&["--bind", "none"]), [false; 3]);
    assert!(refused(&["--bind", "none,pull"]).contains("stands by itself"));
    assert!(refused(&["--bind", "everything"]).contains("everything"));
}

#[test]
fn beyond_loopback_nothing_goes_without_curve() {
    for end in ["pull", "backend", "frontend"] {
        let option = &format!("--{end}");
        for address in
            ["tcp://0.0.0.0:1", "tcp://*:1", "tcp://[::]:1", "tcp://eth0:1", "tcp://10.0.0.1:1", "tcp://host:1"]
        {
            let bind = [option, address, "--bind", end];
            let connect = [option, address, "--bind", "none"];
            assert!(refused(&bind).contains("won't be bound"), "{address}");
            assert!(refused(&connect).contains("won't be connected"), "{address}");
            assert!(told(&[&bind[..], &CURVE].concat()).is_ok());
            assert!(refused(&[&connect[..], &CURVE].concat()).contains("--curve-server"), "{address}");
            assert!(told(&[&connect[..], &CURVE, &SERVER].concat()).is_ok());
        }
        for address in ["tcp://127.0.0.1:1", "tcp://[::1]:1", "tcp://localhost:1", "ipc:///tmp/d"] {
            assert!(told(&[option, address, "--bind", end]).is_ok());
            assert!(told(&[option, address, "--bind", "none"]).is_ok());
        }
    }
}

#[test]
fn a_socket_without_an_owner_is_not_bound() {
    assert!(refused(&["--pull", "ipc://@anyone"]).contains("abstract"));
    assert!(told(&["--pull", "ipc://@anyone", "--bind", "none"]).is_ok());
}

#[test]
fn curve_keys_come_together() {
    assert!(refused(&CURVE[..2]).contains("--curve-clients"));
    assert!(refused(&CURVE[2..]).contains("--curve-certificate"));
    assert!(refused(&SERVER).contains("--curve-certificate"));
}

#[test]
fn what_is_no_address_number_or_folder() {
    assert!(refused(&["--pull", "udp://127.0.0.1:1"]).contains("ipc:// or tcp://"));
    assert!(refused(&["--pull", "ipc://"]).contains("ipc:// or tcp://"));
    assert!(refused(&["--local-bs", "0"]).contains("--local-bs"));
    assert!(refused(&["--local-bs", "-1"]).contains("-1"));
    let mut settings = told(&[]).unwrap();
    settings.tokenizer = "/no/such/folder".into();
    assert!(settings.check().unwrap_err().contains("must be a folder"));
}

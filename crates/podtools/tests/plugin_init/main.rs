//! `plugin-init` from outside: the real npm against a small registry on the loopback interface that serves real tarballs.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod install;
#[expect(dead_code, reason = "the product's own tests use the rest")]
mod registry;

use koc_api::InputFailureKind::{AccessDenied, InvalidInput, NotFound, Unreachable};

use install::Install;
use registry::Registry;

#[tokio::test]
async fn plugins_appear_where_opencode_is_told_to_find_them() {
    let registry = Registry::start().await;
    registry.publish("review", "1.0.0", "");
    registry.publish("review", "1.2.0", "");
    registry.publish("@team/lint", "2.0.0", r#""dependencies": {"review": "^1"}"#);
    let install = Install::new(&registry);
    install.succeeds(&["review@1.0.0", "@team/lint@^2"]).await;
    assert_eq!(install.version("review"), "1.0.0");
    assert_eq!(install.version("@team/lint"), "2.0.0");
    assert!(install.everybody_can_read());
    // A restarted init container installs again and comes to the same.
    install.succeeds(&["review@1.0.0", "@team/lint@^2"]).await;
    assert_eq!(install.version("review"), "1.0.0");
}

#[tokio::test]
async fn tags_ranges_and_aliases_are_npms() {
    let registry = Registry::start().await;
    for version in ["1.0.0", "1.2.0", "2.0.0"] {
        registry.publish("review", version, "");
    }
    let install = Install::new(&registry);
    install
        .succeeds(&[
            "review@>=1 <2",
            "newest@npm:review@latest",
            "@my/own@npm:review@1.0.0",
        ])
        .await;
    assert_eq!(install.version("review"), "1.2.0");
    assert_eq!(install.version("newest"), "2.0.0");
    assert_eq!(install.version("@my/own"), "1.0.0");
}

#[tokio::test]
async fn tarballs_get_the_directory_of_their_specifier() {
    let registry = Registry::start().await;
    let address = registry.publish("review", "1.0.0", "");
    let install = Install::new(&registry);
    let nameless = koc_api::NpmSpecifier::parse(&address).unwrap();
    install.succeeds(&[&address, &format!("mine@{address}")]).await;
    assert_eq!(install.version(nameless.directory()), "1.0.0");
    assert_eq!(install.version("mine"), "1.0.0");
}

#[tokio::test]
async fn scripts_of_packages_do_not_run() {
    let registry = Registry::start().await;
    registry.publish(
        "evil",
        "1.0.0",
        r#""scripts": {"postinstall": "touch $HOME/owned"}"#,
    );
    let install = Install::new(&registry);
    install.succeeds(&["evil"]).await;
    assert!(!install.home("owned").exists());
    // Unless the administrator wants them to.
    let install = Install::new(&registry);
    install.set("npm_config_ignore_scripts", "false");
    install.succeeds(&["evil"]).await;
    assert!(install.home("owned").exists());
}

#[tokio::test]
async fn failures_say_which_package_and_why() {
    let registry = Registry::start().await;
    registry.publish("review", "1.0.0", "");
    let install = Install::new(&registry);
    install.fails(&["nowhere"], NotFound, "nowhere").await;
    install.fails(&["review@9"], NotFound, "review@9").await;
    registry.publish_broken("broken", "1.0.0");
    install.fails(&["broken"], AccessDenied, "EINTEGRITY").await;
    registry.refuse(401);
    Install::new(&registry)
        .fails(&["review"], AccessDenied, "credentials")
        .await;
    registry.refuse(503);
    let install = Install::new(&registry);
    install.set("npm_config_fetch_retries", "0");
    install.fails(&["review"], Unreachable, "").await;
}

#[tokio::test]
async fn a_registry_that_fails_twice_is_asked_again() {
    let registry = Registry::start().await;
    registry.publish("review", "1.0.0", "");
    registry.refuse_times(2, 503);
    let install = Install::new(&registry);
    install.succeeds(&["review"]).await;
    assert_eq!(install.version("review"), "1.0.0");
}

#[tokio::test]
async fn a_silent_registry_hits_the_deadline() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", silent.local_addr().unwrap());
    let install = Install::at(&address);
    install.set("FETCH_DEADLINE_SECONDS", "3");
    install
        .fails(&["review"], Unreachable, "not done after 3 s")
        .await;
}

#[tokio::test]
async fn names_that_are_none_never_reach_npm() {
    let registry = Registry::start().await;
    let install = Install::new(&registry);
    for name in [
        "--registry=http://evil",
        "file:/etc",
        "../x",
        "a b",
        "git://h/x.git",
    ] {
        install.fails(&[name], InvalidInput, "").await;
    }
    install.fails_with("not json", InvalidInput, "JSON list").await;
    install.succeeds(&[]).await;
    assert_eq!(registry.requests(), 0);
}

#[tokio::test]
async fn tokens_are_sent_and_not_told() {
    let registry = Registry::start().await;
    registry.publish("review", "1.0.0", "");
    let install = Install::new(&registry);
    install.npmrc(&format!(
        "{}/:_authToken=${{NPM_TOKEN}}\n",
        registry.without_scheme()
    ));
    install.set("NPM_TOKEN", "npm-hunter2hunter2");
    install.succeeds(&["review"]).await;
    assert!(
        registry
            .authorizations()
            .iter()
            .all(|a| a == "Bearer npm-hunter2hunter2")
    );
    registry.refuse(403);
    let told = install.fails(&["review@1"], AccessDenied, "").await;
    assert!(!told.contains("hunter2"), "{told}");
}

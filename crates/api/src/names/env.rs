//! Environment variables of containers.

/// Home directory, [`super::paths::HOME`].
pub const HOME: &str = "HOME";
/// Shell, [`super::paths::SHELL`].
pub const SHELL: &str = "SHELL";
/// Search path, [`super::paths::SEARCH_PATH`].
pub const PATH: &str = "PATH";
/// Name of the Task.
pub const TASK_NAME: &str = "TASK_NAME";
/// Namespace of the Task.
pub const TASK_NAMESPACE: &str = "TASK_NAMESPACE";
/// The working directory.
pub const WORKSPACE_DIR: &str = "WORKSPACE_DIR";
/// Where the init container puts the OpenCode program.
pub const TOOLS_DIR: &str = "TOOLS_DIR";
/// File name of the OpenCode program there.
pub const OPENCODE_BIN: &str = "OPENCODE_BIN";

/// OpenCode's configuration file.
pub const OPENCODE_CONFIG: &str = "OPENCODE_CONFIG";
/// The configuration file of OpenCode's terminal interface.
pub const OPENCODE_TUI_CONFIG: &str = "OPENCODE_TUI_CONFIG";
/// Permissions as JSON.
pub const OPENCODE_PERMISSION: &str = "OPENCODE_PERMISSION";
/// More configuration as JSON.
pub const OPENCODE_CONFIG_CONTENT: &str = "OPENCODE_CONFIG_CONTENT";
/// OpenCode's database.
pub const OPENCODE_DB: &str = "OPENCODE_DB";
/// Password of an OpenCode server.
pub const OPENCODE_SERVER_PASSWORD: &str = "OPENCODE_SERVER_PASSWORD";
/// User of an OpenCode server.
pub const OPENCODE_SERVER_USERNAME: &str = "OPENCODE_SERVER_USERNAME";
/// Keeps OpenCode from asking for its model catalogue at start.
pub const OPENCODE_DISABLE_MODELS_FETCH: &str = "OPENCODE_DISABLE_MODELS_FETCH";
/// Keeps OpenCode from replacing itself.
pub const OPENCODE_DISABLE_AUTOUPDATE: &str = "OPENCODE_DISABLE_AUTOUPDATE";
/// Keeps OpenCode from leaving a library in the temporary directory at each start.
pub const OPENCODE_DISABLE_FFF: &str = "OPENCODE_DISABLE_FFF";

/// Git's global configuration file.
pub const GIT_CONFIG_GLOBAL: &str = "GIT_CONFIG_GLOBAL";
/// Additional certificate authorities.
pub const CUSTOM_CA_CERT_PATH: &str = "CUSTOM_CA_CERT_PATH";
/// The same for Node.js.
pub const NODE_EXTRA_CA_CERTS: &str = "NODE_EXTRA_CA_CERTS";
/// The same for OpenSSL and most tools.
pub const SSL_CERT_FILE: &str = "SSL_CERT_FILE";
/// The same for Git.
pub const GIT_SSL_CAINFO: &str = "GIT_SSL_CAINFO";

/// The variables that replace a program's authorities by those of a file, which therefore holds the system's too.
pub const CA_FILE_VARIABLES: [&str; 4] = [
    SSL_CERT_FILE,
    GIT_SSL_CAINFO,
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
];

/// The variables of an HTTP proxy, upper case and lower case.
pub const HTTP_PROXY: [&str; 2] = ["HTTP_PROXY", "http_proxy"];
/// The variables of an HTTPS proxy.
pub const HTTPS_PROXY: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
/// The variables for exceptions from the proxies.
pub const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// context-init: where the context ConfigMap is.
pub const CONFIGMAP_PATH: &str = "CONFIGMAP_PATH";
/// context-init: files to write, as JSON.
pub const FILE_MAPPINGS: &str = "FILE_MAPPINGS";
/// context-init: directories to copy, as JSON.
pub const DIR_MAPPINGS: &str = "DIR_MAPPINGS";
/// context-init: directories to make in the working directory, as a JSON list; volumes are mounted below them later.
pub const MAKE_DIRECTORIES: &str = "MAKE_DIRECTORIES";

/// git-init and git-sync: the repository.
pub const GIT_REPO: &str = "GIT_REPO";
/// git-init and git-sync: what to check out.
pub const GIT_REF: &str = "GIT_REF";
/// git-init: commits to clone.
pub const GIT_DEPTH: &str = "GIT_DEPTH";
/// git-init and git-sync: where clones live.
pub const GIT_ROOT: &str = "GIT_ROOT";
/// git-init and git-sync: name of the clone there.
pub const GIT_LINK: &str = "GIT_LINK";
/// git-init: `true` to clone submodules.
pub const GIT_RECURSE_SUBMODULES: &str = "GIT_RECURSE_SUBMODULES";
/// git-init and git-sync: user.
pub const GIT_USERNAME: &str = "GIT_USERNAME";
/// git-init and git-sync: password.
pub const GIT_PASSWORD: &str = "GIT_PASSWORD";
/// git-init and git-sync: private key.
pub const GIT_SSH_KEY: &str = "GIT_SSH_KEY";
/// git-init and git-sync: keys of known hosts.
pub const GIT_SSH_KNOWN_HOSTS: &str = "GIT_SSH_KNOWN_HOSTS";
/// git-init: copy the clone's content here.
pub const GIT_WORKSPACE_DIR: &str = "GIT_WORKSPACE_DIR";
/// git-init: only this directory of it.
pub const GIT_REPO_SUBPATH: &str = "GIT_REPO_SUBPATH";
/// git-init: attempts.
pub const GIT_CLONE_RETRIES: &str = "GIT_CLONE_RETRIES";
/// git-init: wait between attempts, a Go duration.
pub const GIT_CLONE_RETRY_DELAY: &str = "GIT_CLONE_RETRY_DELAY";
/// git-sync: seconds between two looks at the remote.
pub const GIT_SYNC_INTERVAL: &str = "GIT_SYNC_INTERVAL";

/// url-fetch: address.
pub const URL_SOURCE: &str = "URL_SOURCE";
/// url-fetch: file to write.
pub const URL_TARGET: &str = "URL_TARGET";
/// url-fetch: headers as JSON.
pub const URL_HEADERS: &str = "URL_HEADERS";
/// url-fetch: seconds.
pub const URL_TIMEOUT: &str = "URL_TIMEOUT";
/// url-fetch: `true` to accept any certificate.
pub const URL_INSECURE: &str = "URL_INSECURE";
/// url-fetch: bearer token.
pub const URL_AUTH_TOKEN: &str = "URL_AUTH_TOKEN";
/// url-fetch: user.
pub const URL_AUTH_USERNAME: &str = "URL_AUTH_USERNAME";
/// url-fetch: password.
pub const URL_AUTH_PASSWORD: &str = "URL_AUTH_PASSWORD";

/// plugin-init: npm specifiers as a JSON list.
pub const PLUGIN_PACKAGES: &str = "PLUGIN_PACKAGES";
/// plugin-init: where to install them.
pub const PLUGIN_DIR: &str = "PLUGIN_DIR";

/// OpenTelemetry: endpoint.
pub const OTEL_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
/// OpenTelemetry: headers.
pub const OTEL_HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
/// OpenTelemetry: front of the helper variables that hold one header's secret each.
pub const OTEL_HEADER_PREFIX: &str = "OTEL_HEADER_";
/// OpenTelemetry: resource attributes.
pub const OTEL_RESOURCE_ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";
/// OpenTelemetry: name of the Pod.
pub const OTEL_POD_NAME: &str = "OTEL_POD_NAME";
/// OpenTelemetry: `true` to record what is asked and answered.
pub const OTEL_CAPTURE_CONTENT: &str = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
/// The title `task-run` gives OpenCode's session.
pub const TASK_SESSION_TITLE: &str = "TASK_SESSION_TITLE";
/// Where every container of a Pod sees the product's own program; set by images whose runtime shows it everywhere.
pub const SHARED_PROGRAM: &str = "KUBEOPENCODE_SHARED_PROGRAM";
/// The file `task-run` reads its prompt from, where it is not `task.md` in the workspace.
pub const TASK_PROMPT_FILE: &str = "TASK_PROMPT_FILE";
/// The OpenCode program `task-run` starts, where it is not the one in the tools directory.
pub const OPENCODE_PROGRAM: &str = "OPENCODE_PROGRAM";
/// The file `task-run` writes its result to.
pub const TERMINATION_LOG: &str = "TERMINATION_LOG";
/// Seconds OpenCode may take to become ready.
pub const TASK_START_TIMEOUT_SECONDS: &str = "TASK_START_TIMEOUT_SECONDS";
/// Seconds without any sign of progress after which a run is given up; 0 means never.
pub const TASK_NO_PROGRESS_SECONDS: &str = "TASK_NO_PROGRESS_SECONDS";
/// Seconds OpenCode may take to end when it is told to.
pub const TASK_STOP_GRACE_SECONDS: &str = "TASK_STOP_GRACE_SECONDS";
/// Makes `context-init` copy its program even where no tools directory is named.
pub const COPY_SELF: &str = "KUBEOPENCODE_COPY_SELF";
/// git-init, url-fetch and plugin-init: what a person calls the input, such as `git context "rules"`; failures begin
/// with it.
pub const INPUT_NAME: &str = "KUBEOPENCODE_INPUT";
/// git-init: paths within the clone that must exist, as a JSON list; a mount of a missing one would be an empty directory.
pub const GIT_REQUIRED_PATHS: &str = "GIT_REQUIRED_PATHS";
/// git-init and git-sync: directories besides the clone at which the worker sees it, as a JSON list; Git refuses to work
/// in a directory of another user id unless it is listed.
pub const GIT_SAFE_DIRECTORIES: &str = "GIT_SAFE_DIRECTORIES";
/// git-init and url-fetch: seconds all attempts may take together.
pub const FETCH_DEADLINE_SECONDS: &str = "FETCH_DEADLINE_SECONDS";
/// url-fetch: most bytes to accept.
pub const URL_MAX_BYTES: &str = "URL_MAX_BYTES";
/// url-fetch: mode of the file, in decimal as in a manifest.
pub const URL_FILE_MODE: &str = "URL_FILE_MODE";
/// url-fetch: networks that may be reached although they are private, as comma-separated CIDRs.
pub const URL_ALLOWED_NETWORKS: &str = "URL_ALLOWED_NETWORKS";

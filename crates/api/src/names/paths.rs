//! Paths within containers.

/// Home directory: writable for any user id.
pub const HOME: &str = "/tmp";
/// Shell.
pub const SHELL: &str = "/bin/bash";
/// Search path of workers and servers.
pub const SEARCH_PATH: &str = "/tools:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where injected programs and configuration live.
pub const TOOLS: &str = "/tools";
/// The OpenCode program.
pub const OPENCODE: &str = "/tools/opencode";
/// This product's program, as it is injected.
pub const TOOLS_KUBEOPENCODE: &str = "/tools/kubeopencode";
/// This product's program in its own image.
pub const KUBEOPENCODE: &str = "/kubeopencode";
/// OpenCode's configuration.
pub const OPENCODE_CONFIG: &str = "/tools/opencode.json";
/// Configuration of OpenCode's terminal interface.
pub const TUI_CONFIG: &str = "/tools/tui.json";

/// Below the working directory: the aggregated context text.
pub const CONTEXT_FILE: &str = ".kubeopencode/context.md";
/// Below the working directory: the prompt.
pub const TASK_FILE: &str = "task.md";
/// Below the working directory: fetched contexts that name no place of their own.
pub const FETCHED_CONTEXTS: &str = ".kubeopencode/contexts";

/// context-init: the context ConfigMap.
pub const CONFIGMAP_FILES: &str = "/configmap-files";
/// context-init: followed by an index, a ConfigMap to copy as a directory.
pub const CONFIGMAP_DIR_PREFIX: &str = "/configmap-dir-";
/// url-fetch: files for places outside the working directory.
pub const FETCHED: &str = "/context-fetched";

/// Where clones live.
pub const GIT_ROOT: &str = "/git";
/// Name of the clone there.
pub const GIT_LINK: &str = "repo";
/// The clone.
pub const GIT_CLONE: &str = "/git/repo";
/// Name of the Git configuration within a clone's volume.
pub const GIT_CONFIG_FILE: &str = ".gitconfig";
/// The Git configuration shared by all clones.
pub const GIT_CONFIG: &str = "/git/.gitconfig";

/// Where skills appear.
pub const SKILLS: &str = "/skills";
/// Where plugins are installed.
pub const PLUGINS: &str = "/plugins";
/// Their modules.
pub const PLUGIN_MODULES: &str = "/plugins/node_modules";

/// File name of a credential within its volume.
pub const CREDENTIAL_FILE: &str = "secret-file";
/// Where additional certificate authorities are mounted.
pub const CA_DIR: &str = "/etc/ssl/certs/custom-ca";
/// Their file name.
pub const CA_FILE: &str = "tls.crt";
/// Their full path.
pub const CA_PATH: &str = "/etc/ssl/certs/custom-ca/tls.crt";
/// The system's certificate authorities and the additional ones in one file; written by context-init.
pub const COMBINED_CA: &str = "/tools/ca-bundle.crt";

/// Where the session database's volume is mounted.
pub const SESSION_DATA: &str = "/data/sessions";
/// The session database.
pub const SESSION_DB: &str = "/data/sessions/opencode.db";

/// Where a container leaves its result for the kubelet.
pub const TERMINATION_LOG: &str = "/dev/termination-log";

/// The server's health, as HTTP path.
pub const HEALTH: &str = "/session/status";

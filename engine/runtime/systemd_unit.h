// SystemdUnit: the text of a systemd user unit that runs a container, in the form that users of `podman
// generate systemd` know. Pure: what it says of the host, the caller has found out.
//
// systemd's main process of the unit is the container's monitor, found by its pid file (Type=forking): it
// ends when the container ends, with the container's exit code, and takes SIGTERM as `stop`. So Restart= sees
// what the container did, and a unit that is killed takes its container along.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"

namespace wolffia {

struct UnitRequest {
  std::string id, name;              // of the container
  bool by_name = false;              // the unit is named for, and uses, the name instead of the id
  std::string program;               // absolute path of wolffia
  std::vector<std::string> globals;  // options before the verb that lead to the same store
  std::string store_root;            // must be mounted
  std::string pid_file;  // of the existing container's monitor; may begin with "%t", is not quoted
  std::string prefix = "container", separator = "-";
  std::string version;  // of the header; empty: no header
  std::string created;  // a time for people, in the header; may be empty
  std::vector<std::string> wants, after, requires_units;
  std::vector<std::string> env;               // "NAME=VALUE" lines of the unit, as asked for
  std::optional<std::string> restart_policy;  // systemd's words
  int restart_sec = 0;                        // 0: systemd's default
  std::optional<int> start_timeout;
  int stop_timeout = 10;          // seconds; negative: without end
  std::string container_restart;  // the container's own policy, as `run --restart` takes it

  // --new: what follows `run` to make the container again, without the options that belong to the unit
  // (--cidfile,
  // --conmon-pidfile, --detach, --restart, --rm, --replace). The container is then made at every start,
  // removed at every end.
  std::optional<std::vector<std::string>> run;
  bool has_name = false;                   // it names the container: a left-over of that name is replaced
  std::vector<std::string> inherited_env;  // "NAME=VALUE" of variables that `run` takes from its environment
};

struct SystemdUnit {
  std::string service;  // "container-web", without ".service"
  std::string text;
};

// kInvalid: an unknown restart policy, a name that systemd would not take.
Result<SystemdUnit> MakeSystemdUnit(const UnitRequest& request);

// `value` as one word of a setting that is a list (Environment=, RequiresMountsFor=): specifiers (%), quotes,
// backslashes, control characters and white space are escaped as systemd.syntax(7) says.
std::string QuoteUnitValue(std::string_view value);
// The same as one word of a command line (ExecStart=), where "$" begins a variable (systemd.service(5)).
std::string QuoteUnitWord(std::string_view word);

}  // namespace wolffia

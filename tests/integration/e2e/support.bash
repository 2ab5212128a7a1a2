# What the end-to-end tests share. Every file runs against its own store; the programs come from WOLFFIA_BIN_DIR (ctest
# sets it), and each test ends with a check that nothing is left behind.

bats_require_minimum_version 1.5.0
: "${WOLFFIA_BIN_DIR:?the folder of the programs under test}"
SOURCE_DIR=$(cd "$BATS_TEST_DIRNAME/../../.." && pwd)
CACHE=${WOLFFIA_TEST_CACHE:-/var/tmp/wolffia-test-cache-$(id -u)}

# A store for this file, an empty configuration, no credentials.
fresh_home() {
  export WORLD=$1
  mkdir -p "$WORLD"/{data,config,run,home}
  chmod 0700 "$WORLD/run"
  export XDG_DATA_HOME=$WORLD/data XDG_CONFIG_HOME=$WORLD/config HOME=$WORLD/home
  export REAL_RUNTIME_DIR=${REAL_RUNTIME_DIR:-$XDG_RUNTIME_DIR}
  export XDG_RUNTIME_DIR=$WORLD/run
  export STORE=$XDG_DATA_HOME/wolffia
  export PATH=$WOLFFIA_BIN_DIR:$PATH
  unset WOLFFIA_STORAGE_ROOT REGISTRY_AUTH_FILE DOCKER_CONFIG
  export CONTAINERS_REGISTRIES_CONF=/dev/null
}

# Processes of ours that name this store on their command line or hold a file below it.
leftover_processes() {
  local pid
  for pid in $(ps -o pid= -U "$(id -u)"); do
    case $(readlink "/proc/$pid/exe" 2>/dev/null) in
      "$WOLFFIA_BIN_DIR"/*) ls -l "/proc/$pid/fd" 2>/dev/null | grep -q "$WORLD" && ps -o pid=,args= -p "$pid" ;;
    esac
  done
  true
}

# Nothing is left: no process of ours, nothing unfinished, no container.
assert_clean() {
  local i left
  for i in $(seq 300); do  # the monitor's last steps come after the command has ended
    left="$(leftover_processes)$(ls -A "$STORE/tmp" 2>/dev/null)"
    [ -z "$left" ] && break
    sleep 0.1
  done
  if [ -n "$left" ]; then
    echo "left behind: $left"
    return 1
  fi
  [ -z "$(ls -A "$STORE/containers" 2>/dev/null)" ] || { echo "containers are left: $(wolffia ps -a)"; return 1; }
  ! grep "$WORLD" /proc/self/mountinfo
}

# eventually COMMAND...: until it succeeds, for 30 seconds.
eventually() {
  local end=$((SECONDS + 30))
  until "$@"; do
    [ $SECONDS -lt $end ] || fail "it never came to: $*" || return 1
    sleep 0.05
  done
}

# says TEXT COMMAND...: what it prints is TEXT; for eventually.
says() { [ "$("${@:2}" 2>/dev/null)" = "$1" ]; }

fail() {
  echo "$*" >&2
  return 1
}

# logged CONTAINER LINE: the container has written LINE.
logged() { wolffia logs "$1" | grep -qx "$2"; }

# heeds_signals PID: the client has set up what it does with SIGHUP and SIGTERM (it catches them, or waits for them blocked).
heeds_signals() {
  [[ $(readlink "/proc/$1/exe") == "$WOLFFIA_BIN_DIR"/wolffia ]] || return 1
  local caught blocked
  caught=$(awk '/^SigCgt/ {print $2}' "/proc/$1/status") blocked=$(awk '/^SigBlk/ {print $2}' "/proc/$1/status")
  (( (0x$caught | 0x$blocked) & 0x4000 && (0x$caught | 0x$blocked) & 1 ))
}

# assert_output_is EXPECTED / assert_output_has PART / assert_status CODE, after `run`
assert_status() { [ "$status" = "$1" ] || fail "exit code $status, not $1; output: $output"; }
assert_output_is() { [ "$output" = "$1" ] || fail "output: '$output', not '$1'"; }
assert_output_has() { [[ "$output" == *"$1"* ]] || fail "output: '$output' has no '$1'"; }

# The Debian image of the tests: gcc, git and python3, made once a day from Debian's packages by mmdebstrap.
# Prints the folder of its OCI layout.
debian_layout() {
  local key dir
  key=$(date +%Y%m%d)-$(sha256sum "$SOURCE_DIR/tests/integration/e2e/support.bash" | cut -c1-8)
  dir=$CACHE/debian-$key
  mkdir -p "$CACHE"
  (
    flock 9 && [ -e "$dir/index.json" ] && exit 0
    rm -rf "$CACHE"/debian-*
    work=$(mktemp -d "$CACHE/.work.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    # One chain: "set -e" does not hold in a function that is called under "||".
    # mmdebstrap needs low descriptors free: its shell hooks take one-digit numbers only.
    (for fd in $(ls /proc/self/fd); do [ "$fd" -le 2 ] || eval "exec $fd>&-"; done
     HOME=/ mmdebstrap --quiet --mode=unshare --variant=minbase \
      --include=gcc,libc6-dev,git,python3,ca-certificates bookworm - >"$work/debian.tar") &&
      mkdir "$work/debs" && (cd "$work/debs" && apt-get -q download hello) &&
      GZIP_LEVEL=-1 "$SOURCE_DIR/scripts/oci-layout" "$work/oci" \
        '{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["bash"]}' "$work/debian.tar" &&
      mv "$work/debs" "$work/oci/debs" && mv "$work/oci" "$dir"
  ) 9>"$CACHE/lock" >&2 || return 1
  echo "$dir"
}

free_port() { python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])'; }

# Debian's docker-registry on loopback, with TLS and htpasswd: sets REGISTRY (host:port), CERTS (a --cert-dir), and the
# account tester:secret. stop_registry ends it.
start_registry() {
  local dir=$WORLD/registry
  mkdir -p "$dir"/{data,certs}
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost \
    -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$dir/key.pem" -out "$dir/certs/ca.crt" 2>/dev/null
  htpasswd -Bbn tester secret >"$dir/htpasswd" 2>/dev/null
  local port
  port=$(free_port)
  cat >"$dir/config.yml" <<Y
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $dir/data}, delete: {enabled: true}}
http:
  addr: 127.0.0.1:$port
  tls: {certificate: $dir/certs/ca.crt, key: $dir/key.pem}
auth: {htpasswd: {realm: test, path: $dir/htpasswd}}
Y
  docker-registry serve "$dir/config.yml" >"$dir/log" 2>&1 3>&- &
  REGISTRY_PID=$!
  REGISTRY=localhost:$port
  CERTS=$dir/certs
  local i
  for i in $(seq 100); do
    curl -sf --cacert "$CERTS/ca.crt" -u tester:secret "https://$REGISTRY/v2/" >/dev/null && break
    sleep 0.1
  done
  export REGISTRY CERTS REGISTRY_PID
  mkdir -p "$XDG_CONFIG_HOME/wolffia" "$HOME/.docker"
  printf '[[registry]]\nprefix = "%s"\nca_file = "%s"\n' "$REGISTRY" "$CERTS/ca.crt" >"$XDG_CONFIG_HOME/wolffia/wolffia.toml"
  printf '{"auths":{"%s":{"auth":"%s"}}}' "$REGISTRY" "$(printf tester:secret | base64)" >"$HOME/.docker/config.json"
}
stop_registry() {
  kill "$REGISTRY_PID"
  wait "$REGISTRY_PID" 2>/dev/null || true
}
# push LAYOUT NAME: skopeo copies an OCI layout to the registry.
push() {
  skopeo --insecure-policy copy -q --dest-creds tester:secret --dest-cert-dir "$CERTS" "oci:$1:latest" "docker://$REGISTRY/$2"
}

# The podman of this machine as a peer, with a store of its own in this world and the built-in image as localhost/busybox.
# Fails with the reason where podman does not work; stop_peer ends it.
start_peer() {
  command -v podman >/dev/null && command -v runc >/dev/null || { echo "podman and runc are not installed"; return 1; }
  local conf=$HOME/.config/containers
  mkdir -p "$conf"
  # A session keyring for each container would soon be more than an ordinary user's quota of keys.
  printf '[containers]\nkeyring = false\n[engine]\nruntime = "runc"\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\n' >"$conf/containers.conf"
  printf '[storage]\ndriver = "overlay"\nrunroot = "%s/run/peer"\ngraphroot = "%s/peer"\n' "$WORLD" "$WORLD" >"$conf/storage.conf"
  echo '{"default":[{"type":"insecureAcceptAnything"}]}' >"$conf/policy.json"
  export XDG_CONFIG_HOME=$HOME/.config
  podman pull -q "oci-archive:$WOLFFIA_BIN_DIR/../share/wolffia/busybox.tar" >"$WORLD/peer-image" 2>/dev/null ||
    { echo "podman does not work here: it cannot load an image"; return 1; }
  podman tag "$(cat "$WORLD/peer-image")" localhost/busybox
  podman run --rm --network none localhost/busybox true 2>/dev/null || { echo "podman does not run containers here"; return 1; }
}
stop_peer() {
  podman rm -af -t 0 >/dev/null 2>&1
  podman unshare sh -c 'umount "$1/overlay"; rm -rf "$1"' sh "$WORLD/peer" 2>/dev/null || true
}

ours() {  # pids of our programs that work on this store
  local pid
  for pid in $(ps -o pid= -U "$(id -u)"); do
    case $(readlink "/proc/$pid/exe" 2>/dev/null) in
      "$WOLFFIA_BIN_DIR"/wolffia*) tr '\0' '\n' <"/proc/$pid/environ" 2>/dev/null | grep -qx "WORLD=$WORLD" && echo "$pid" ;;
    esac
  done
  true
}

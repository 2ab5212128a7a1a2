# What the tests of containers on user-defined networks share.

# Nothing runs and nothing is made for the next test.
leave_networks() {
  wolffia rm -f -a -t 0 >/dev/null 2>&1 || true
  wolffia network prune -f
  assert_clean
}

# server NAME FLAG...: answers its name over HTTP.
server() {
  local name=$1
  shift
  wolffia run -d --name "$name" "$@" busybox sh -c "mkdir /www; echo $name >/www/index.html; exec httpd -f -p 80 -h /www"
  eventually fetches "$name" 127.0.0.1 "$name"
}

fetch() { wolffia exec "$1" timeout 5 wget -q -O - "http://$2/"; }
# fetches CONTAINER HOST ANSWER
fetches() { [ "$(fetch "$1" "$2" 2>/dev/null)" = "$3" ]; }
# address_of CONTAINER NETWORK
address_of() { wolffia inspect -f "{{.NetworkSettings.Networks.$2.IPAddress}}" "$1"; }

# The processes that hold this store's networks, and the slirp4netns that one has started.
holders() {
  local pid
  for pid in $(pgrep -u "$(id -u)" -f '^wolffia-net holder'); do
    ls -l "/proc/$pid/fd" 2>/dev/null | grep -q "$WORLD" && echo "$pid"
  done
  true
}
way_out() { pgrep -P "$(holders)" -x slirp4netns; }

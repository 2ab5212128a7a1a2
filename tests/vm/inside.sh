# What commands inside of the virtual machine share (vm.bash loads it before each).

# cgroup NAME: the directory of a running container's cgroup.
cgroup() { echo "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$(wolffia inspect -f '{{.State.Pid}}' "$1")/cgroup")"; }

# number FILE KEY: the number behind the key in a file such as cpu.stat.
number() { awk -v key="$2" '$1 == key { print $2 }' "$1"; }

# eventually COMMAND: until it succeeds, for two minutes.
eventually() {
  local end=$((SECONDS + 120))
  until "$@"; do
    [ $SECONDS -lt $end ] || { echo "it never came to: $*" >&2; return 1; }
    sleep 0.1
  done
}

# cpu_percent SECONDS NAME...: how much of one processor each container took meanwhile, in per cent.
cpu_percent() {
  local seconds=$1 name before after start took
  shift
  declare -A before
  start=${EPOCHREALTIME/./}
  for name; do before[$name]=$(number "$(cgroup "$name")/cpu.stat" usage_usec); done
  sleep "$seconds"
  for name; do
    took=$((${EPOCHREALTIME/./} - start))
    after=$(number "$(cgroup "$name")/cpu.stat" usage_usec)
    echo $(((after - before[$name]) * 100 / took))
  done
}

# milliseconds COMMAND: how long it takes; its output is dropped, its failure is ours.
milliseconds() {
  local start=${EPOCHREALTIME/./}
  "$@" >/dev/null 2>&1 || return
  echo $(((${EPOCHREALTIME/./} - start) / 1000))
}

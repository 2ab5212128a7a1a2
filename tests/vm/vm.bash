# The virtual machine of a bats file: a Debian 12 with systemd under qemu (emulated, about 20 times slower than the host),
# with an ordinary user "tester" (uid 1000, subordinate ids, lingering) and the tree under test, read-only:
#   /wolffia/build   bin/ (stripped) of WOLFFIA_BIN_DIR, first in PATH, share/, and hostile/: the hostile programs of tests
#   /wolffia/source  the tests and scripts, and what they read of the sources
#   /wolffia/debian  the OCI layout VM_DEBIAN, where a file asks for one
# vm_start makes disks and boots, `vm COMMAND` runs a shell command as the user, vm_cut is a power cut, vm_boot boots the
# same disks again, vm_end ends it all. Nothing waits without a deadline; qemu is ended by its pid.

bats_require_minimum_version 1.5.0
: "${WOLFFIA_BIN_DIR:?the folder of the programs under test}"
SOURCE_DIR=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
export PATH=$PATH:/usr/sbin:/sbin
VM_BOOT_LIMIT=${VM_BOOT_LIMIT:-200}    # seconds; 20 on a quiet machine
VM_LIFETIME=${VM_LIFETIME:-1800}       # seconds until qemu is ended whatever happens
VM_COMMAND_LIMIT=${VM_COMMAND_LIMIT:-600}  # seconds for one command

fail() {
  echo "$*" >&2
  return 1
}
assert_status() { [ "$status" = "$1" ] || fail "exit code $status, not $1; output: $output"; }
assert_output_is() { [ "$output" = "$1" ] || fail "output: '$output', not '$1'"; }
assert_output_has() { [[ "$output" == *"$1"* ]] || fail "output: '$output' has no '$1'"; }

# `vm_wanted long || return 0`: fails, and the file's tests will be skipped, where only the short tests are wanted, or none,
# or where the host cannot. (In bats 1.8 a setup_file cannot skip.)
vm_wanted() {
  local missing
  missing=$("$SOURCE_DIR/tests/vm/missing")
  case ${WOLFFIA_VM:-short} in
    all) VM_SKIP= ; [ -z "$missing" ] || fail "vm: $missing" || exit 1 ;;
    short) VM_SKIP=$missing ; [ "$1" = short ] || VM_SKIP="takes long: scripts/check --vm runs it" ;;
    *) VM_SKIP=WOLFFIA_VM=$WOLFFIA_VM ;;
  esac
  export VM_SKIP
  [ -z "$VM_SKIP" ]
}
setup() { [ -z "$VM_SKIP" ] || skip "$VM_SKIP"; }
teardown_file() { vm_end; }

# Makes the disks of a new machine in VM_DIR and boots it.
vm_start() {
  VM_IMAGE=$("$SOURCE_DIR/tests/vm/image")
  VM_DIR=$(mktemp -d "${TMPDIR:-/tmp}/wolffia-vm.XXXXXX")
  export VM_IMAGE VM_DIR
  vm_tree_disk
  truncate -s 512M "$VM_DIR/swap.img"
  mkswap "$VM_DIR/swap.img" >/dev/null 2>&1
  qemu-img create -q -f qcow2 -b "$VM_IMAGE/root.img" -F raw "$VM_DIR/root.qcow2"
  vm_boot
}

# The disk with the tree under test.
vm_tree_disk() {
  local tree=$VM_DIR/tree program
  mkdir -p "$tree/source" "$tree/build/bin"
  cp -r "$SOURCE_DIR"/{tests,scripts} "$tree/source/"
  (cd "$SOURCE_DIR" && cp --parents engine/runtime/control_protocol.h "$tree/source/")  # a hostile client speaks it
  for program in "$WOLFFIA_BIN_DIR"/*; do strip -o "$tree/build/bin/${program##*/}" "$program"; done
  cp -r "$WOLFFIA_BIN_DIR/../share" "$tree/build/"
  [ ! -d "$WOLFFIA_BIN_DIR/../tests/hostile" ] || cp -r "$WOLFFIA_BIN_DIR/../tests/hostile" "$tree/build/"
  [ -z "${VM_DEBIAN:-}" ] || cp -r "$VM_DEBIAN" "$tree/debian"
  chmod -R u+w,a+rX "$tree"
  mke2fs -q -t ext4 -O ^has_journal -m 0 -E root_owner=0:0 -d "$tree" "$VM_DIR/tree.img" \
    "$(($(du -sm "$tree" | cut -f1) * 5 / 4 + 32))M" >/dev/null
  rm -r "$tree"
}

# Boots the disks, on a free port of the loopback interface, until the machine says that it is ready. Tried once more: the
# port may be taken before qemu takes it, and an emulated machine that hangs early is the host's.
vm_boot() {
  local attempt
  for attempt in 1 2; do
    VM_PORT=$(python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])')
    export VM_PORT
    rm -f "$VM_DIR"/{pid,control.*}
    : >"$VM_DIR/console"
    vm_qemu
    vm_await_ready && return
    cat "$VM_DIR/qemu.log" >&2
    tail -30 "$VM_DIR/console" >&2
    vm_cut
  done
  fail "the machine was not ready after $VM_BOOT_LIMIT s"
}

# q35: microvm hangs at times. The network is not 10.0.2.0/24: that one is slirp4netns' in containers. timeout(1) outlives a bats
# that was killed, and ends qemu.
vm_qemu() {
  local disk=format=qcow2,if=virtio,cache=writeback
  timeout -s KILL "$VM_LIFETIME" qemu-system-x86_64 -accel tcg,thread=multi,tb-size=512 -cpu max,la57=off -M q35,vmport=off \
    -smp 2 -m 2048 -object memory-backend-ram,id=m0,size=1G -object memory-backend-ram,id=m1,size=1G \
    -numa node,cpus=0,memdev=m0 -numa node,cpus=1,memdev=m1 -nodefaults -no-user-config -display none -no-reboot -pidfile "$VM_DIR/pid" \
    -kernel "$VM_IMAGE/vmlinuz" -initrd "$VM_IMAGE/initrd" \
    -append "rw console=ttyS0 quiet loglevel=5 panic=-1 mitigations=off tsc=reliable random.trust_cpu=on net.ifnames=0 systemd.show_status=0 audit=0" \
    -drive "file=$VM_DIR/root.qcow2,$disk" -drive "file=$VM_DIR/tree.img,format=raw,if=virtio,readonly=on" \
    -drive "file=$VM_DIR/swap.img,format=raw,if=virtio" -serial "file:$VM_DIR/console" \
    -netdev "user,id=net,net=10.0.99.0/24,restrict=on,hostfwd=tcp:127.0.0.1:$VM_PORT-:22" -device virtio-net-pci,netdev=net -device virtio-rng-pci \
    </dev/null >"$VM_DIR/qemu.log" 2>&1 3>&- &
  VM_TIMER=$!
  export VM_TIMER
  disown  # or bash would tell of its end
}

vm_await_ready() {
  local end=$((SECONDS + VM_BOOT_LIMIT))
  until grep -q '^vm: ready' "$VM_DIR/console"; do
    [ $SECONDS -lt $end ] && kill -0 "$VM_TIMER" 2>/dev/null || return 1
    sleep 0.2
  done
}

# The power cut: what the machine has not written to its disk is gone.
vm_cut() {
  local pid
  pid=$(cat "$VM_DIR/pid" 2>/dev/null) || return 0
  kill -KILL "$pid" 2>/dev/null || true
  timeout 60 tail --pid="$pid" -f /dev/null  # until it has let go of the disks
  rm -f "$VM_DIR"/{pid,control.*}
}

vm_end() {
  [ -n "${VM_DIR:-}" ] || return 0
  vm_cut
  rm -rf "$VM_DIR"
}

# vm_ssh ACCOUNT SSH-OPTIONS... COMMAND
vm_ssh() {
  local account=$1
  shift
  timeout -k 5 "$VM_COMMAND_LIMIT" ssh -q -T -F none -i "$VM_IMAGE/key" -p "$VM_PORT" -o BatchMode=yes -o StrictHostKeyChecking=no \
    -o UserKnownHostsFile=/dev/null -o ConnectTimeout=60 -o ServerAliveInterval=30 -o ServerAliveCountMax=4 "$account@127.0.0.1" "$@" \
    </dev/null 3>&-
}

# One login session for all commands of an account, as long as the machine runs: a login takes a second under emulation.
vm_in_session() {
  local control=$VM_DIR/control.$1
  [ -S "$control" ] || vm_ssh "$1" -o ControlMaster=yes -o ControlPath="$control" -o ControlPersist=yes true >"$VM_DIR/login.$1" 2>&1 ||
    fail "cannot log in to the machine: $(cat "$VM_DIR/login.$1")" || return 1
  vm_ssh "$1" -o ControlPath="$control" ". /wolffia/source/tests/vm/inside.sh; $2"
}

# vm COMMAND: runs a shell command as the ordinary user in a login session: its output, its exit code.
vm() { vm_in_session tester "$1"; }
vm_root() { vm_in_session root "$1"; }
# vm_login COMMAND: in a login session of its own, which ends with the command.
vm_login() { vm_ssh tester -o ControlPath=none ". /wolffia/source/tests/vm/inside.sh; $1"; }
# The session that `vm` uses ends; the next `vm` makes another.
vm_logout() { vm_ssh tester -o ControlPath="$VM_DIR/control.tester" -O exit; }

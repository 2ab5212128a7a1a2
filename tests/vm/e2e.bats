# The end-to-end suite, as the ordinary user of a host with systemd and cgroup v2. Emulated it takes hours.
# WOLFFIA_VM_E2E="run exec": only these files.
load vm.bash
setup_file() {
  vm_wanted long || return 0
  export VM_LIFETIME=28800 VM_COMMAND_LIMIT=3600
  export VM_DEBIAN
  VM_DEBIAN=$(BATS_TEST_DIRNAME=$SOURCE_DIR/tests/integration/e2e && . "$SOURCE_DIR/tests/integration/e2e/support.bash" && debian_layout)
  vm_start
  # The image of the tests that is made from packages: the machine has no network to make it.
  vm "mkdir cache && ln -s /wolffia/debian cache/${VM_DEBIAN##*/}"
}

@test "the end-to-end suite passes" {
  local name failed=()
  for name in ${WOLFFIA_VM_E2E:-$(cd "$SOURCE_DIR/tests/integration/e2e" && ls ./*.bats | sed 's,^./,,; s,\.bats$,,')}; do
    echo "vm: e2e: $name" >&3
    vm "cd /wolffia/source && WOLFFIA_TEST_CACHE=~/cache WOLFFIA_BIN_DIR=/wolffia/build/bin WOLFFIA_HOSTILE_DIR=/wolffia/build/hostile bats --print-output-on-failure tests/integration/e2e/$name.bats" ||
      failed+=("$name")
  done
  [ ${#failed[@]} = 0 ] || fail "these failed: ${failed[*]}"
}

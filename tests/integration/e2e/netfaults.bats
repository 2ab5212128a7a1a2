#!/usr/bin/env bats
# Hosts that lack what a network needs: the error says what, who can give it, and what works without; nothing is left. The
# host is a user and mount namespace of the test's.

bats_require_minimum_version 1.5.0
load support.bash

setup_file() {
  fresh_home "$BATS_FILE_TMPDIR/w"
  wolffia run --rm --network none busybox true
  mkdir "$WORLD/empty" "$WORLD/bin"
}

teardown() {
  wolffia rm -f -a -t 0 >/dev/null 2>&1 || true
  wolffia network prune -f >/dev/null
  assert_clean
}

# on_host SETUP COMMAND...: the command on a host where SETUP was done.
on_host() { unshare --user --map-root-user --mount sh -e -c "$1"'; shift; exec "$@"' sh "$@"; }

# What is refused with a slirp4netns, and with a network of the user's, and works without: for all of them.
refused_with() {
  local setup=$1 network
  wolffia network create up >/dev/null
  for network in slirp4netns up; do
    run -125 on_host "$setup" wolffia run --rm --network "$network" busybox echo it ran
    assert_output_has "$2"
    assert_output_has "$3"
    assert_output_has "--network"
    [[ "$output" != *"it ran"* ]]
  done
  [ -z "$(wolffia ps -a -q)" ] || fail "a container is left: $(wolffia ps -a)"
  run -0 on_host "$setup" wolffia run --rm --network host busybox echo it ran
  assert_output_has "it ran"
  # Only what the settings choose may become another network, and only where they say so.
  WOLFFIA_RUN_NETWORK=slirp4netns run -125 on_host "$setup" wolffia run --rm busybox echo it ran
  WOLFFIA_RUN_NETWORK=slirp4netns WOLFFIA_NETWORK_FALLBACK=host run -0 on_host "$setup" wolffia run --rm busybox echo it ran
  assert_output_has "it ran"
  assert_output_has "gets the host's network (network.fallback)"
  assert_output_has "$2"
  WOLFFIA_NETWORK_FALLBACK=host run -125 on_host "$setup" wolffia run --rm --network slirp4netns busybox echo it ran
}

@test "/dev/net/tun is missing" {
  refused_with "mount -n --bind $WORLD/empty /dev/net" "/dev/net/tun is missing" "modprobe tun"
}

@test "/dev/net/tun is closed" {
  refused_with "mount -n --bind /etc/shadow /dev/net/tun" "/dev/net/tun is closed" "chmod 0666 /dev/net/tun"
}

@test "slirp4netns is too old, or fails" {
  local fake network
  for fake in "echo \"slirp4netns: unrecognized option '--enable-seccomp'\"; echo Usage: of it" "echo usage; echo no memory"; do
    printf '#!/bin/sh\n(%s) >&2\nexit 1\n' "$fake" >"$WORLD/bin/slirp4netns"
    chmod 0755 "$WORLD/bin/slirp4netns"
    for network in slirp4netns slirp4netns bridge bridge; do
      run -125 env "PATH=$WORLD/bin:$PATH" wolffia run --rm --network "$network" busybox echo it ran
      [[ "$fake" != *unrecognized* ]] || assert_output_has "too old (unrecognized option '--enable-seccomp')"
      [[ "$fake" == *unrecognized* ]] || assert_output_has "slirp4netns failed: no memory"
      [[ "$output" != *"it ran"* ]]
    done
  done
}

@test "network namespaces are forbidden" {
  run -125 on_host "echo 0 >/proc/sys/user/max_net_namespaces" wolffia run --rm --network none busybox true
  assert_output_has "sysctl user.max_net_namespaces"

  refused_with "echo 0 >/proc/sys/user/max_net_namespaces" "network namespaces are switched off (user.max_net_namespaces is 0)" \
    "sysctl user.max_net_namespaces"
}

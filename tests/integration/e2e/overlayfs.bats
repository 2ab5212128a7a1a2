#!/usr/bin/env bats
# wolffia-overlayfs on plain directories: mounted by an ordinary user through fusermount3, and by root of a user namespace.
load support

setup() {
  export WORLD=$BATS_TEST_TMPDIR/w PATH=$WOLFFIA_BIN_DIR:$PATH
  mkdir -p "$WORLD"/{lower,top,upper,work,merged,bare}
  cd "$WORLD"
  command -v fusermount3 >/dev/null || skip "fusermount3 is not installed"
}
teardown() {
  cd /
  ! grep -q " $WORLD/" /proc/self/mountinfo || fusermount3 -qu "$WORLD/merged"
  chmod -R u+rwX "$WORLD"
  wait_gone
}
wait_gone() {
  local i
  for i in $(seq 50); do
    [ -n "$(leftover_processes)" ] || return 0
    sleep 0.1
  done
  fail "left behind: $(leftover_processes)"
}
mount_it() { wolffia-overlayfs -o "lowerdir=top:lower,upperdir=upper,workdir=work${1:+,$1}" merged; }
unmount_it() { fusermount3 -u merged && wait_gone; }

@test "an ordinary user's tree: changed, unmounted, mounted again" {
  mkdir -p lower/moved/deep lower/plain top/plain
  echo 1 >lower/moved/deep/f
  echo low >lower/plain/a
  echo top >top/plain/a
  echo locked >lower/locked && chmod 444 lower/locked
  ln lower/locked lower/second
  mount_it
  [ "$(stat -fc %T merged)" = fuseblk ]
  [ "$(cat merged/plain/a)" = top ]
  mv merged/moved merged/renamed
  echo 2 >>merged/renamed/deep/f
  rm merged/plain/a
  chmod 400 merged/locked
  [ "$(stat -c '%a %h' merged/second)" = "400 2" ]
  mkdir -m 000 merged/closed
  touch "merged/$(printf 'n%.0s' $(seq 255))"
  local ino
  ino=$(stat -c %i merged/locked)
  unmount_it
  mount_it
  [ "$(cat merged/renamed/deep/f)" = "1
2" ]
  [ ! -e merged/moved ] && [ ! -e merged/plain/a ]
  [ "$(cat merged/second)" = locked ]
  [ "$(stat -c '%a %h %i' merged/second)" = "400 2 $ino" ]
  rmdir merged/closed
  unmount_it
  [ "$(cat lower/moved/deep/f)" = 1 ] && [ "$(stat -c %a lower/locked)" = 444 ]
}

@test "root of a user namespace: owners that are native, mapped and squashed" {
  touch lower/f
  run --separate-stderr unshare -Urm --map-auto sh -ec '
    wolffia-overlayfs -o lowerdir=lower,upperdir=upper,workdir=work merged
    stat -c %u:%g merged/f; umount merged
    wolffia-overlayfs -o lowerdir=lower,upperdir=upper,workdir=work,uidmapping=0:7:1:7:0:1,gidmapping=1:0:1 merged
    stat -c %u:%g merged/f; umount merged
    wolffia-overlayfs -o lowerdir=lower,upperdir=upper,workdir=work,squash_to_uid=3,squash_to_gid=4 merged
    touch merged/new; chown 9:9 merged/new; stat -c %u:%g merged/new; umount merged'
  assert_output_is "0:0
7:65534
3:4"
  assert_status 0
}

@test "override ids: devices, owners and set-id bits as an ordinary user" {
  run --separate-stderr unshare -Urm sh -ec '
    wolffia-overlayfs -o lowerdir=lower,upperdir=upper,workdir=work,xattr_permissions=2 merged
    touch merged/suid; chmod 6755 merged/suid; mkfifo merged/pipe
    stat -c "%a %F" merged/suid merged/pipe; umount merged'
  assert_output_is "6755 regular empty file
644 fifo"
  [ "$(stat -c %a upper/suid)" = 755 ] && [ -f upper/pipe ]
  mount_it xattr_permissions=2
  [ "$(stat -c '%a %u' merged/suid)" = "6755 $(id -u)" ]
  [ -p merged/pipe ]
  unmount_it
}

@test "no upper: read-only; and static_nlink, redirect_dir=off, noxattrs" {
  mkdir -p lower/d/e
  wolffia-overlayfs -o lowerdir=lower merged
  run touch merged/x
  assert_output_has "Read-only file system"
  unmount_it
  mount_it static_nlink,redirect_dir=off,noxattrs=1
  [ "$(stat -c %h merged/d)" = 1 ]
  run python3 -c 'import os; os.rename("merged/d", "merged/x")'
  assert_output_has "Invalid cross-device link"
  run setfattr -n user.x -v 1 merged/d
  assert_output_has "Operation not supported"
  unmount_it
}

@test "refused before it goes to the background, with a sentence" {
  local options
  while IFS='|' read -r options sentence; do
    run wolffia-overlayfs -o "$options" merged
    assert_status 1
    assert_output_has "$sentence"
  done <<'CASES'
lowerdir=nosuch|lowerdir: open nosuch: No such file or directory
lowerdir=lower,upperdir=upper|upperdir needs a workdir
lowerdir=lower,upperdir=nosuch,workdir=work|upperdir: open nosuch
lowerdir=lower,nosuch|option nosuch: unknown
CASES
  run wolffia-overlayfs -o lowerdir=lower nosuch
  assert_status 1
  assert_output_has "mount point nosuch"
  run wolffia-overlayfs --version
  assert_output_has "wolffia-overlayfs: version "
}

@test "a signal unmounts; the caller's output is let go of" {
  wolffia-overlayfs -f -o lowerdir=lower,upperdir=upper,workdir=work merged 3>&- &
  local pid=$! i
  for i in $(seq 50); do
    ! grep -q " $WORLD/merged " /proc/self/mountinfo || break
    sleep 0.1
  done
  echo kept >merged/f
  kill "$pid"
  wait "$pid"
  [ -z "$(ls merged)" ] && [ "$(cat upper/f)" = kept ]
  # cat ends when nobody holds the pipe any more.
  timeout 10 sh -c 'wolffia-overlayfs -o lowerdir=lower merged 3>&- | cat'
  unmount_it
}

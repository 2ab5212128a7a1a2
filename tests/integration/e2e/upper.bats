#!/usr/bin/env bats
# What a container writes: with the kernel's overlayfs and with the FUSE upper, with many ids and with one, over a stop and
# a start, within limits, in memory, and when its monitor is killed.
load support

# An image with busybox and, below /srv, a bit of everything. The container executes $WORLD/job, which a test may change
# between two starts of the same container.
setup_file() {
  fresh_home "$BATS_FILE_TMPDIR/w"
  local root=$WORLD/root name i
  mkdir -p "$root"/{bin,etc,tmp,proc,dev,sys,run} "$root/srv/tree/deep/er" "$root/srv/many"
  cp "$(command -v busybox)" "$root/bin/busybox"
  for name in $("$root/bin/busybox" --list); do [ "$name" = busybox ] || ln -s busybox "$root/bin/$name"; done
  echo root:x:0:0::/:/bin/sh >"$root/etc/passwd"
  echo lower >"$root/srv/file"
  echo two >"$root/srv/tree/deep/er/file"
  ln "$root/srv/file" "$root/srv/tree/hard"
  ln -s ../file "$root/srv/tree/soft"
  printf x >"$root/srv/suid" && chmod 4755 "$root/srv/suid"
  chmod 1777 "$root/tmp"
  for i in $(seq 20); do echo "$i" >"$root/srv/many/$i"; done
  tar -C "$root" --sort=name --owner=0 --group=0 --numeric-owner -cf "$WORLD/layer.tar" .
  "$SOURCE_DIR/scripts/oci-layout" "$WORLD/oci" '{"Env":["PATH=/bin"],"Cmd":["sh","/job"]}' "$WORLD/layer.tar"
  wolffia pull -q "oci:$WORLD/oci" >"$WORLD/id"
}
setup() { IMAGE=$(cat "$WORLD/id"); }
teardown() { assert_clean || { wolffia rm -fa >/dev/null; false; }; }

ONE_ID="--uidmap 0:0:1 --gidmap 0:0:1"
FUSE="--storage-opt upper=fuse" KERNEL="--storage-opt upper=kernel"
job() { cat >"$WORLD/job"; }
# first NAME [OPTION...]: runs the job in a new container. again NAME: the same container once more.
first() {
  local name=$1
  shift
  run --separate-stderr wolffia run --name "$name" -v "$WORLD/job:/job" "$@" "$IMAGE"
}
again() { run --separate-stderr wolffia start --attach "$1"; }
expect() {
  local want
  want=$(cat)
  [ "$status" = 0 ] && [ "$output" = "$want" ] || fail "exit code $status; output: '$output', not '$want'; errors: '$stderr'"
}
succeeds() { [ "$status" = 0 ] || fail "exit code $status; output: '$output'; errors: '$stderr'"; }

@test "what was changed is there after a stop and a start" {
  local options
  for options in "$KERNEL" "$FUSE" "$KERNEL $ONE_ID" "$FUSE $ONE_ID"; do
    job <<'J'
set -e
cd /srv
echo more >>file
rm suid
mv tree moved && mkdir tree && echo new >tree/new
rm -r many && mkdir many && echo only >many/only
mv moved/soft soft
ln file third && ln -s nowhere dangling && mkfifo pipe
J
    first c $options
    succeeds
    job <<'J'
cd /srv
find . | sort
cat file third many/only tree/new moved/deep/er/file
readlink soft
stat -c '%F %h' pipe
J
    for _ in 1 2; do
      again c
      expect <<'X'
.
./dangling
./file
./many
./many/only
./moved
./moved/deep
./moved/deep/er
./moved/deep/er/file
./moved/hard
./pipe
./soft
./third
./tree
./tree/new
lower
more
lower
more
only
new
two
../file
fifo 1
X
    done
    wolffia rm c
  done
}

@test "the FUSE upper really renames the image's directories, and keeps its hard links together" {
  job <<'J'
set -e
cd /srv
before=$(stat -c %i tree)
busybox mv -T tree renamed
[ "$(stat -c %i renamed)" = "$before" ]
echo more >>file
cat renamed/hard
stat -c %h file
[ "$(stat -c %i file)" = "$(stat -c %i renamed/hard)" ]
J
  first c $FUSE
  expect <<<$'lower\nmore\n2'
  job <<<'cd /srv; cat renamed/hard; ls renamed many/1; stat -c %h renamed/hard; [ "$(stat -c %i file)" = "$(stat -c %i renamed/hard)" ]'
  again c
  expect <<<$'lower\nmore\nmany/1\n\nrenamed:\ndeep\nhard\nsoft\n2'
  wolffia rm c
}

@test "owners, modes and whiteouts of many ids over a stop" {
  local options
  for options in "$KERNEL" "$FUSE" "$FUSE --userns=keep-id --user 0"; do
    job <<'J'
set -e
cd /srv
mkdir -m 1777 sticky
echo x >sticky/theirs && chown 33:34 sticky/theirs && chmod 6711 sticky/theirs
chown 1000:1001 file suid
chown -h 5:6 tree/soft
chmod 700 tree/deep && chown 65534:65534 tree/deep
rm many/3
touch -d '2001-02-03 04:05:06' many/4
J
    first c $options
    succeeds
    job <<'J'
cd /srv
stat -c '%n %u:%g %a' sticky sticky/theirs file suid tree/soft tree/deep tree/deep/er/file
ls many | wc -l
stat -c %Y many/4
J
    again c
    expect <<'X'
sticky 0:0 1777
sticky/theirs 33:34 6711
file 1000:1001 644
suid 1000:1001 755
tree/soft 5:6 777
tree/deep 65534:65534 700
tree/deep/er/file 0:0 644
19
981173106
X
    wolffia rm c
  done
}

@test "setuid never reaches the host from a FUSE upper, and rm needs no namespace" {
  job <<<'cp /bin/busybox /srv/su; chown 7:8 /srv/su; chmod 6755 /srv/su; mkdir -m 0 /srv/closed; chown 9:9 /srv/closed; stat -c "%a %u" /srv/su /srv/closed'
  first c $FUSE
  expect <<<$'6755 7\n0 9'
  local upper
  upper=$(wolffia inspect --format '{{.GraphDriver.Data.UpperDir}}' c)
  [ -z "$(find "$upper" -perm /7000)" ]
  [ -z "$(find "$upper" ! -user "$(id -u)")" ]
  rm -r "$upper"
  wolffia rm c
}

@test "a size limit: ENOSPC, df, and room again after rm" {
  job <<'J'
cd /srv
dd if=/dev/zero of=big bs=64k count=64 2>/dev/null && echo "it went in"
[ $(df -k / | tail -1 | awk '{print $2}') -le 2048 ] || echo "df: $(df -k /)"
[ $(df -k / | tail -1 | awk '{print $4}') -lt 64 ] || echo "df: $(df -k /)"
rm big
dd if=/dev/zero of=small bs=64k count=16 2>/dev/null && echo "fits"
J
  first c --storage-opt size=2m
  expect <<<fits
  [ "$(wolffia inspect --format '{{.Driver}} {{.HostConfig.StorageOpt.size}}' c)" = "fuse 2097152" ]
  job <<<'cd /srv; dd if=/dev/zero of=more bs=64k count=20 2>/dev/null || echo full; rm -f small more; dd if=/dev/zero of=more bs=64k count=20 2>/dev/null && echo room'
  again c
  expect <<<$'full\nroom'
  wolffia rm c
  run -125 wolffia run --rm $KERNEL --storage-opt size=2m "$IMAGE" true
  assert_output_has "has no limits for an ordinary user"
  WOLFFIA_STORAGE_UPPER=kernel run -125 wolffia run --rm --storage-opt inodes=9 "$IMAGE" true
  assert_output_has "--storage-opt inodes"
}

@test "a limit of inodes" {
  job <<'J'
cd /srv && mkdir d
i=0
while [ $i -lt 100 ] && touch d/$i 2>/dev/null; do i=$((i + 1)); done
[ $i -gt 30 ] && [ $i -le 50 ] && echo "about 50"
rm d/1 d/2 && touch d/again && echo room
[ $(df -i / | tail -1 | awk '{print $2}') -le 50 ] && echo df
J
  first c --storage-opt inodes=50
  expect <<<$'about 50\nroom\ndf'
  wolffia rm c
}

@test "in memory: limits, nothing on the disk, the image again after a start" {
  local driver
  for driver in kernel fuse; do
    job <<'J'
cd /srv
echo changed >file; rm suid; mv many/1 many/one
dd if=/dev/zero of=big bs=64k count=100 2>/dev/null && echo "it went in"
rm big; df -k / | tail -1 | awk '{print $2}'
ls suid many/1 2>/dev/null; cat file; stat -c %a /tmp
J
    first c --storage-opt upper=memory --storage-opt upper=$driver --storage-opt size=4m
    expect <<<$'4096\nchanged\n1777'
    [ "$(wolffia inspect --format '{{.Driver}} {{.HostConfig.StorageOpt.upper}}' c)" = "$driver memory" ]
    [ -z "$(find "$STORE/containers/"*/{upper,work} -mindepth 1)" ]
    job <<<'cat /srv/file /srv/many/1; ls /srv/suid'
    again c
    expect <<<$'lower\n1\n/srv/suid'
    wolffia rm c
    run -0 wolffia run --rm --read-only --storage-opt upper=memory --storage-opt upper=$driver $ONE_ID "$IMAGE" sh -c 'touch /x 2>&1 || id -u'
    assert_output_has Read-only
  done
}

@test "--read-only with either" {
  local options
  for options in "$KERNEL" "$FUSE" "$FUSE $ONE_ID"; do
    run -0 wolffia run --rm --read-only --tmpfs /tmp -v "$WORLD:/made/for/it" $options "$IMAGE" \
      sh -c 'echo x >/tmp/x && cat /srv/file; for f in /x /srv/file; do touch $f 2>&1; done; rm /srv/file 2>&1; ls /made/for/it/oci >/dev/null'
    [ "${lines[0]}" = lower ]
    [ "$(printf '%s\n' "${lines[@]}" | grep -c Read-only)" = 3 ] || fail "$output"
  done
}

@test "auto: the driver is in the record, the probe's answer in the runtime directory" {
  rm -rf "$XDG_RUNTIME_DIR/wolffia/upper"
  job <<<true
  first c
  succeeds
  [ "$(cat "$XDG_RUNTIME_DIR/wolffia/upper/"*)" = 0 ]
  [ "$(wolffia inspect --format '{{.GraphDriver.Name}}' c)" = kernel ]
  wolffia rm c
  local answer
  answer=$(ls "$XDG_RUNTIME_DIR"/wolffia/upper/*)
  echo 1 | tr -d '\n' >"$answer"  # as if the kernel refused it here
  first c
  [ "$(wolffia inspect --format '{{.GraphDriver.Name}}' c)" = fuse ]
  touch -d '1999-01-01' "$answer"  # of an earlier boot
  first d
  [ "$(wolffia inspect --format '{{.GraphDriver.Name}}' d)" = kernel ]
  again c
  succeeds
  [ "$(wolffia inspect --format '{{.GraphDriver.Name}}' c)" = fuse ]
  wolffia rm c d
}

@test "create and start" {
  run -0 --separate-stderr wolffia create --name c -l k=v busybox sh -c 'echo started; exit 3'
  local id=$output
  [ "$(wolffia ps -a --format '{{.ID}} {{.State}}' --no-trunc)" = "$id created" ]
  run -3 --separate-stderr wolffia start -a c
  assert_output_is started
  run -3 wolffia start -a "${id:0:10}"
  wolffia rm c
  run -0 wolffia create -i --rm --name in busybox cat
  run -0 wolffia ps -a  # sweeps, and leaves it alone
  run -0 wolffia start -a in <<<"from here"
  assert_output_is "from here"
  run -125 wolffia start in
  assert_output_has "no such container"
  wolffia create --name one busybox sleep 100 && wolffia create --name two busybox sleep 100
  run -0 wolffia start one two
  assert_output_is $'one\ntwo'
  run -0 wolffia start two  # it runs
  assert_output_is two
  run -125 wolffia start -a one two
  [ "$(wolffia ps --format '{{.Names}}' | sort)" = $'one\ntwo' ]
  wolffia rm -f one two
  run -0 wolffia create --name bad busybox no-such-command
  run -127 wolffia start -a bad
  run -125 wolffia start bad
  assert_output_has no-such-command
  run -125 wolffia start bad nothing  # names are looked up before anything starts
  assert_output_has "no such container"
  wolffia rm bad
  run -0 --separate-stderr wolffia run --name c busybox echo out
  rm "$STORE/index/"*  # derived: made again
  run -0 wolffia start -a c
  assert_output_is out
  wolffia rm c
}

@test "operations are counted, also of a container that has ended" {
  job <<<'cat /srv/file; echo x >/srv/new'
  local options
  for options in "$KERNEL" "$FUSE"; do
    first c $options
    [ "$(wolffia inspect --format '{{.FuseOperations.lookup}}' c)" -gt 5 ]
    local id
    id=$(wolffia inspect --format '{{.Id}}' c)
    [ -e "$XDG_RUNTIME_DIR/wolffia/counters/$id" ]
    wolffia rm c
    [ ! -e "$XDG_RUNTIME_DIR/wolffia/counters/$id" ]
  done
}

# The job says how far it has got by a line each; everything before the last line must be there afterwards, and whole.
@test "kill -9 of the monitor in the middle of writing, then start" {
  local options round monitor
  for options in "$KERNEL" "$FUSE" "$FUSE $ONE_ID" "--storage-opt size=50m"; do
    job <<'J'
cd /srv
i=0
while :; do
  i=$((i + 1))
  echo $i >n$i && mkdir -p dir$i/sub && mv n$i dir$i/sub/n && ln dir$i/sub/n hard$i && echo x >>file
  rm -rf dir$((i - 10)); echo $i >/now && mv /now /made
done
J
    wolffia create --name c -v "$WORLD/job:/job" $options "$IMAGE"
    for round in 1 2 3; do
      wolffia start c
      sleep "0.$((RANDOM % 5 + 1))"
      monitor=$(wolffia inspect --format '{{.State.MonitorPid}}' c)
      kill -9 "$monitor"
      eventually says "" wolffia ps -q
      [ "$(wolffia ps -a --format '{{.Status}}')" = Crashed ] || fail "$(wolffia ps -a)"
    done
    job <<'J'
cd /srv
n=$(cat /made)
[ "$n" -ge 1 ] && [ "$(cat dir$n/sub/n)" = "$n" ] && [ "$(cat hard$n)" = "$n" ] && [ "$(head -1 file)" = lower ] && echo whole
rm -rf dir* hard* n* && ls | wc -l
J
    again c
    expect <<<$'whole\n4'
    wolffia rm c
  done
}

@test "a package is installed" {
  local layout=$(debian_layout)
  wolffia pull -q "oci:$layout" >"$WORLD/debian"
  local options
  for options in "$KERNEL" "$FUSE" "$FUSE $ONE_ID"; do
    run -0 --separate-stderr wolffia run --name c -v "$layout/debs:/debs:ro" $options "$(cat "$WORLD/debian")" \
      sh -c 'dpkg -i /debs/*.deb >/dev/null && hello'
    assert_output_is "Hello, world!"
    run -0 --separate-stderr wolffia start -a c
    assert_output_is "Hello, world!"
    wolffia rm c
  done
  wolffia rmi "$(cat "$WORLD/debian")"
}

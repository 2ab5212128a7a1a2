#!/usr/bin/env bats
# Volumes: how they are filled, shared, kept and removed, with every option of -v and --mount, and with two commands at once.
load support

# An image with busybox, a directory /data of several owners and modes, and two volumes of its own.
setup_file() {
  fresh_home "$BATS_FILE_TMPDIR/w"
  local root=$WORLD/root name
  mkdir -p "$root"/{bin,etc,tmp,proc,dev,sys,run,data/sub,vol,srv/empty}
  cp "$(command -v busybox)" "$root/bin/busybox"
  for name in $("$root/bin/busybox" --list); do [ "$name" = busybox ] || ln -s busybox "$root/bin/$name"; done
  printf 'root:x:0:0::/:/bin/sh\nweb:x:33:33::/:/bin/sh\n' >"$root/etc/passwd"
  echo one >"$root/data/one" && ln "$root/data/one" "$root/data/two" && ln -s /etc/passwd "$root/data/soft"
  echo v >"$root/vol/file"
  ln -s data "$root/link"
  chmod 1770 "$root/data" && chmod 4755 "$root/data/one" && chmod 0700 "$root/data/sub"
  touch -d @1000000000 "$root/data/one" "$root/data"
  tar -C "$root" --sort=name --owner=0 --group=0 --numeric-owner --exclude=./data/sub -cf "$WORLD/layer.tar" .
  tar -C "$root" --owner=33 --group=34 --numeric-owner -rf "$WORLD/layer.tar" ./data/sub
  "$SOURCE_DIR/scripts/oci-layout" "$WORLD/oci" \
    '{"Env":["PATH=/bin"],"Cmd":["sh"],"Volumes":{"/vol":{},"/srv/empty/":{},"/proc":{},"/":{}}}' "$WORLD/layer.tar"
  wolffia pull -q "oci:$WORLD/oci" >"$WORLD/id"
}
setup() { IMAGE=$(cat "$WORLD/id"); }
teardown() {
  wolffia rm --force --all >/dev/null
  wolffia volume prune -f >/dev/null
  [ -z "$(ls -A "$STORE/volumes")" ] || { echo "volumes are left: $(ls "$STORE/volumes")"; return 1; }
  assert_clean
}

sub_id() { awk -F: -v u="$(id -un)" -v n="$1" '$1 == u { print $2 + n - 1; exit }' /etc/subuid; }

@test "a new volume is filled with owners, modes, times and links, and what is written stays" {
  run wolffia run --rm -v v:/data "$IMAGE" sh -c 'cd /data; stat -c "%n %u:%g %a %Y" . one sub; readlink soft; stat -c %h one; echo more >new'
  assert_status 0
  assert_output_is ". 0:0 1770 1000000000
one 0:0 4755 1000000000
sub 33:34 700 $(stat -c %Y "$WORLD/root/data/sub")
/etc/passwd
2"
  [ "$(stat -c %u "$STORE/volumes/v/data/sub")" = "$(sub_id 33)" ]
  run wolffia run --rm -v v:/elsewhere "$IMAGE" ls /elsewhere
  assert_output_is "new
one
soft
sub
two"
}

@test "a volume over a link of the image is filled from where the link leads" {
  run wolffia run --rm -v v:/link "$IMAGE" cat /data/one
  assert_output_is one
}

@test "nocopy, volumes that somebody wrote into, and ones that are in use are not filled" {
  wolffia volume create v >/dev/null
  run wolffia run --rm -v v:/data:nocopy "$IMAGE" ls -a /data
  assert_output_is ".
.."
  run wolffia run --rm -v v:/data:ro "$IMAGE" sh -c 'cat /data/one; touch /data/x'
  assert_status 1
  assert_output_has one
  wolffia volume create w >/dev/null && touch "$STORE/volumes/w/data/mine"
  run wolffia run --rm --mount type=volume,source=w,target=/data "$IMAGE" ls /data
  assert_output_is mine
  wolffia create --name user -v u:/nothing "$IMAGE" >/dev/null
  run wolffia run --rm -v u:/data "$IMAGE" ls /data
  assert_output_is ""
}

@test "the image's volumes: anonymous, tmpfs, ignored" {
  run wolffia run --rm "$IMAGE" sh -c 'cat /vol/file; mount | grep -c " /vol \| /srv/empty "; ls /proc/self/status; echo x >/vol/x'
  assert_output_is "v
2
/proc/self/status"
  [ -z "$(ls "$STORE/volumes")" ]
  run wolffia run --rm --image-volume=tmpfs "$IMAGE" sh -c 'ls /vol; mount | grep " /vol "'
  assert_output_has "tmpfs on /vol type tmpfs"
  run wolffia run --rm --image-volume=ignore "$IMAGE" sh -c 'cat /vol/file; mount | grep -c " /vol "'
  assert_output_is "v
0"
  run wolffia run --rm --image-volume=what "$IMAGE" true
  assert_status 125
  run wolffia run --rm --read-only -v mine:/vol "$IMAGE" sh -c 'touch /vol/x && echo fine'
  assert_output_is fine
}

@test "anonymous volumes: kept by rm, removed by rm -v and --rm, shared by --volumes-from" {
  wolffia run --name a -v /anon "$IMAGE" sh -c 'echo from-a >/anon/x'
  local count
  count=$(ls "$STORE/volumes" | wc -l)
  [ "$count" = 3 ]
  run wolffia run --rm --volumes-from a:ro "$IMAGE" sh -c 'cat /anon/x; touch /anon/y'
  assert_output_has from-a
  assert_output_has "Read-only file system"
  [ "$(ls "$STORE/volumes" | wc -l)" = 3 ]
  wolffia create --name b --volumes-from a -v "$WORLD/root:/vol" "$IMAGE" >/dev/null
  wolffia rm -v a >/dev/null
  [ "$(ls "$STORE/volumes" | wc -l)" = 2 ] # b has its own mount at /vol
  wolffia rm -v b >/dev/null
  [ -z "$(ls "$STORE/volumes")" ]
  wolffia run --name c "$IMAGE" true
  wolffia rm c >/dev/null
  [ "$(ls "$STORE/volumes" | wc -l)" = 2 ]
  run wolffia run --rm --volumes-from nobody "$IMAGE" true
  assert_status 125
  assert_output_has "no such container"
  run wolffia run --rm --volumes-from a:rx "$IMAGE" true
  assert_status 125
}

@test "a container that is killed with its monitor leaves no anonymous volume of --rm" {
  wolffia run -d --rm --name k -v /anon "$IMAGE" sleep 100 >/dev/null
  [ "$(ls "$STORE/volumes" | wc -l)" = 3 ]
  kill -9 "$(wolffia inspect -f '{{.State.ConmonPid}}' k)"
  local i
  for i in $(seq 50); do
    wolffia ps >/dev/null
    [ -z "$(ls "$STORE/volumes")" ] && break
    sleep 0.1
  done
  [ -z "$(ls "$STORE/volumes")" ]
}

@test "U gives a volume or a directory to the container's user, and follows no link" {
  mkdir -p "$WORLD/give/sub" && touch "$WORLD/give/sub/f" "$WORLD/outside" && ln -sf "$WORLD/outside" "$WORLD/give/link"
  run wolffia run --rm --user 33:34 -v "$WORLD/give:/g:U" "$IMAGE" sh -c 'stat -c "%u:%g" /g /g/sub /g/sub/f /g/link; touch /g/sub/f'
  assert_output_is "33:34
33:34
33:34
33:34"
  [ "$(stat -c %u "$WORLD/give/sub/f")" = "$(sub_id 33)" ]
  [ "$(stat -c %u "$WORLD/outside")" = "$(id -u)" ]
  wolffia run --rm -v "$WORLD/give:/g:U" "$IMAGE" true
  [ "$(stat -c %u "$WORLD/give/sub/f")" = "$(id -u)" ]
  run wolffia run --rm -v /etc:/e:U "$IMAGE" true
  assert_status 125
  assert_output_has "change the owner of /etc"
  run wolffia run --rm --user web -v v:/fresh:U "$IMAGE" sh -c 'stat -c %U /fresh; echo x >/fresh/x && cat /fresh/x'
  assert_output_is "web
x"
  run wolffia run --rm --user web -v w:/fresh "$IMAGE" sh -c 'echo x >/fresh/x && cat /fresh/x'
  assert_output_is x
}

@test "O: the source stays as it is, even for root inside, and a start begins anew" {
  mkdir -p "$WORLD/low" && echo low >"$WORLD/low/f"
  run wolffia run --name o --cap-add SYS_ADMIN -v "$WORLD/low:/o:O" "$IMAGE" \
    sh -c 'cat /o/f; ls /o | wc -l; echo up >/o/f; touch /o/new; chown 33 /o/new; umount /o; ls /o; mount | grep " /o "'
  assert_output_is "low
1"
  [ "$(cat "$WORLD/low/f")" = low ] && [ ! -e "$WORLD/low/new" ]
  run wolffia start -a o
  assert_output_is "low
1"
  run wolffia run --rm --storage-opt upper=fuse -v vol:/data:O "$IMAGE" sh -c 'echo more >>/data/one; cat /data/one'
  assert_output_is "one
more"
  [ "$(cat "$STORE/volumes/vol/data/one")" = one ]
  run wolffia run --rm -v "$WORLD/low/f:/o:O" "$IMAGE" true
  assert_status 125
  assert_output_has "needs a directory"
}

@test "keep-id and a single id: the image's owners are shown as the map has them" {
  run wolffia run --rm --userns=keep-id --user 0 -v v:/data "$IMAGE" sh -c 'stat -c "%u" /data/one /data/sub'
  assert_output_is "0
33"
  run wolffia run --rm --uidmap 0:0:1 --gidmap 0:0:1 -v w:/data "$IMAGE" sh -c 'stat -c "%u:%g" /data/one /data/sub'
  assert_output_is "0:0
0:0"
}

@test "a map without the user: the volume is the container's" {
  run -0 wolffia run --rm --userns=nomap -v unmapped:/x "$IMAGE" sh -c 'touch /x/f && stat -c %u:%g /x/f'
  assert_output_is 0:0
  run -0 wolffia run --rm --uidmap 0:1:1000 --gidmap 0:1:1000 -v unmapped:/x "$IMAGE" rm /x/f
  wolffia volume rm unmapped
}

@test "an image: read-only, or written anew at each start; it stays as long as a container has it" {
  wolffia run --rm busybox true
  local mount="type=image,source=$IMAGE,destination=/mnt" how
  for how in "" "--storage-opt upper=fuse" --userns=keep-id "--uidmap 0:0:1 --gidmap 0:0:1"; do
    run wolffia run --rm $how --user 0 --mount "$mount" --mount "${mount}b" busybox sh -c \
      'cat /mnt/data/one /mntb/data/two; readlink /mnt/data/soft; touch /mnt/x 2>&1; echo $?; ls /mnt/data/sub'
    assert_output_is "one
one
/etc/passwd
touch: /mnt/x: Read-only file system
1" || fail "$how: $output"
  done
  run -0 wolffia run --rm --mount "$mount" busybox stat -c '%n %u:%g %a' /mnt/data /mnt/data/sub
  assert_output_is $'/mnt/data 0:0 1770\n/mnt/data/sub 33:34 700'
  wolffia create --name w --mount "$mount,rw=true" busybox sh -c 'ls /mnt/new 2>&1; rm -r /mnt/data; echo new >/mnt/new; cat /mnt/new; ls /mnt'
  for how in 1 2; do
    run -0 wolffia start -a w
    [[ "$output" == $'ls: /mnt/new: No such file or directory\nnew\n'* ]] && [[ "$output" != *data* ]] || fail "$output"
  done
  [ "$(wolffia inspect -f '{{range .Mounts}}{{.Type}} {{.Source}} {{.Destination}} {{.RW}}{{end}}' w)" = "image $IMAGE /mnt true" ]
  run -0 wolffia diff w
  assert_output_is ""
  mkdir -p "$WORLD/rootfs/bin"; cp "$(command -v busybox)" "$WORLD/rootfs/bin/"
  run -0 wolffia run --rm --mount "$mount" --rootfs "$WORLD/rootfs" /bin/busybox cat /mnt/data/one
  assert_output_is one
  # Its layers are the container's as well.
  run -2 wolffia rmi "$IMAGE"
  assert_output_has "in use"
  run -0 wolffia system check
  run -125 wolffia create --name none --mount type=image,source=no-such:1,destination=/mnt busybox
  assert_output_has 'creating image volume "no-such:1":"/mnt": no-such:1: image not known'
  run -125 wolffia create --mount "$mount,subpath=/etc" busybox
  run -125 wolffia inspect none
}

@test "many commands at once: one volume, whole for each of them" {
  local i
  for i in $(seq 8); do
    wolffia run --rm -v race:/bin "$IMAGE" sh -c 'ls /bin | wc -l' >"$WORLD/race.$i" &
  done
  wait
  [ "$(sort -u "$WORLD"/race.* | wc -l)" = 1 ]
  [ "$(cat "$WORLD/race.1")" = "$(ls "$WORLD/root/bin" | wc -l)" ]
}

@test "what a killed command left of a volume is removed, whoever its files belong to" {
  local staged=$STORE/tmp/0123456789abcdef
  for name in "$staged" "$staged.old"; do
    mkdir "$WORLD/left"
    wolffia run --rm -v "$WORLD/left:/l" "$IMAGE" sh -c 'mkdir /l/d && touch /l/d/f && chown -R 33:33 /l/d && chmod 700 /l/d'
    mv "$WORLD/left" "$name"
  done
  touch "$staged.lock"
  wolffia ps >/dev/null
  [ -z "$(ls "$STORE/tmp")" ]
}

@test "create, ls, inspect, rm, exists and prune" {
  run wolffia volume create v --label a=b
  assert_output_is v
  run wolffia volume create v
  assert_status 125
  assert_output_is "Error: volume with name v already exists: volume already exists"
  run wolffia volume create --ignore v
  assert_output_is v
  run wolffia volume create
  [ "${#output}" = 64 ]
  run wolffia volume ls -q -f name="$output" -f name=nothing
  [ "${#output}" = 64 ]
  run wolffia volume ls -f label=a=b
  assert_output_is "DRIVER      VOLUME NAME
local       v"
  run wolffia volume inspect -f '{{.Name}} {{.Labels.a}} {{.Mountpoint}}' v
  assert_output_is "v b $STORE/volumes/v/data"
  run wolffia volume inspect nope
  assert_status 125
  assert_output_has "no such volume nope"
  run wolffia volume exists v
  assert_status 0
  run wolffia volume exists w
  assert_status 1
  wolffia create --name user -v v:/v "$IMAGE" >/dev/null
  run wolffia volume rm v
  assert_status 2
  assert_output_is "Error: volume v is being used by the following container(s): $(wolffia inspect -f '{{.Id}}' user): volume is being used"
  run wolffia volume rm nope
  assert_status 1
  assert_output_is 'Error: no volume with name "nope" found: no such volume'
  run wolffia volume ls -q -f dangling=true -f label=a
  assert_output_is ""
  run wolffia volume rm -f v
  assert_output_is v
  run wolffia volume ls -f frob=1
  assert_status 125
  run bash -c 'echo n | wolffia volume prune'
  assert_output_has "WARNING! This will remove all volumes not used by at least one container."
  run wolffia volume prune -f
  [ "${#lines[@]}" = 3 ] # and the two of the image's
  for bad in 'a b' ../x .x a/b; do
    run wolffia volume create "$bad"
    assert_status 125
    assert_output_has "names must match [a-zA-Z0-9][a-zA-Z0-9_.-]*"
  done
}

@test "volumes with options: memory, and a directory of the host" {
  mkdir -p "$WORLD/host" && echo h >"$WORLD/host/f"
  wolffia volume create -o type=tmpfs -o device=tmpfs -o o=size=1m,mode=700 mem >/dev/null
  wolffia volume create -o type=none -o o=bind,ro -o device="$WORLD/host" host >/dev/null
  run wolffia run --rm -v mem:/m -v host:/h "$IMAGE" sh -c 'stat -c %a /m; mount | grep -c "tmpfs on /m .*size=1024k"; cat /h/f; touch /h/x'
  assert_output_is "700
1
h
touch: /h/x: Read-only file system"
  run wolffia volume rm mem host
  assert_status 0
  [ -e "$WORLD/host/f" ]
  run wolffia volume create -o type=nfs -o device=server:/x n
  assert_status 125
  assert_output_has "only the administrator can mount it"
  run wolffia volume create -o o=bind -o device="$WORLD/none" n
  assert_status 125
}

@test "what cannot be: devices in the image, names, places, duplicates" {
  run wolffia run --rm -v v:/x -v w:/x "$IMAGE" true
  assert_status 125
  assert_output_has "duplicate mount destination"
  for bad in 'a b:/x' 'v:x' '/' 'v:/' './v:/x:frob'; do
    run wolffia run --rm -v "$bad" "$IMAGE" true
    assert_status 125
  done
  [ -z "$(ls "$STORE/volumes")" ]
  run -127 wolffia run --rm -v v:/x "$IMAGE" /nothing # it does not start: the anonymous ones go, the named one stays
  [ "$(ls "$STORE/volumes")" = v ]
  run wolffia system check
  assert_status 0
}

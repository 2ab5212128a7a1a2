# An image of three layers whose bytes can be damaged, for verify.bats and heal.bats.

# make_image DIR: its OCI layout. /bin is busybox; /data has files of one chunk and of many; /bin/busybox2 is one of a layer of its own.
make_image() {
  local work=$WORLD/layers
  rm -rf "$work" "$1"
  mkdir -p "$work"/{a/bin,b/data,c/bin}
  cp "$(command -v busybox)" "$work/a/bin/busybox"
  local name
  for name in sh cat cp head tail cmp dd echo ls sleep true wc; do ln -s busybox "$work/a/bin/$name"; done
  echo "good bytes" >"$work/b/data/good"
  echo "other bytes" >"$work/b/data/other"
  python3 -c 'import random; random.seed(7); open("'"$work"'/b/data/large", "wb").write(random.randbytes(3000000))'
  cp "$work/a/bin/busybox" "$work/c/bin/busybox2"
  echo "of another layer" >>"$work/c/bin/busybox2"  # other bytes than busybox
  local layer
  for layer in a b c; do
    tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$work/$layer" -cf "$WORLD/$layer.tar" .
  done
  GZIP_LEVEL=-1 "$SOURCE_DIR/scripts/oci-layout" "$1" '{"Env":["PATH=/bin"],"Cmd":["sh"]}' "$WORLD"/{a,b,c}.tar
}

# The blob of a layer of the image: a, b or c.
blob_of() { echo "$STORE/blobs/sha256/$(sha256sum "$WORLD/$1.tar" | cut -d' ' -f1)"; }

# flip LAYER PATH OFFSET: one bit of a file's bytes in the store.
flip() {
  python3 - "$WORLD/$1.tar" "$(blob_of "$1")" "$2" "$3" <<'P'
import sys, tarfile
tar, blob, path, offset = sys.argv[1:]
at = tarfile.open(tar).getmember("./" + path).offset_data + int(offset)
with open(blob, "r+b") as f:
    f.seek(at)
    byte = f.read(1)[0]
    f.seek(at)
    f.write(bytes([byte ^ 16]))
P
}

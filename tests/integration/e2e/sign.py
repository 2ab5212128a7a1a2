#!/usr/bin/env python3
"""sign.py REGISTRY REPOSITORY DIGEST --key FILE [...]: attaches a signature to an image as cosign does, and what it would not.

Signs with openssl(1); speaks to the registry of support.bash (its CA in $CERTS, tester:secret).
"""
import argparse
import base64
import hashlib
import json
import os
import ssl
import subprocess
import tempfile
import urllib.request

SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
ARTIFACT = "application/vnd.dev.cosign.artifact.sig.v1+json"


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Registry:
    def __init__(self, host, repository):
        self.base = f"https://{host}/v2/{repository}"
        self.tls = ssl.create_default_context(cafile=os.environ["CERTS"] + "/ca.crt")

    def send(self, method, url, data=None, content_type="application/octet-stream", accept="*/*"):
        request = urllib.request.Request(url, data=data, method=method)
        request.add_header("Authorization", "Basic " + base64.b64encode(b"tester:secret").decode())
        request.add_header("Accept", accept)
        if data is not None:
            request.add_header("Content-Type", content_type)
        return urllib.request.urlopen(request, context=self.tls, timeout=30)

    def put_blob(self, data):
        answer = self.send("POST", self.base + "/blobs/uploads/", b"")
        place = answer.headers["Location"]
        self.send("PUT", place + ("&" if "?" in place else "?") + "digest=" + digest_of(data), data)
        return {"digest": digest_of(data), "size": len(data)}

    def put_manifest(self, name, document):
        data = json.dumps(document).encode()
        self.send("PUT", f"{self.base}/manifests/{name}", data, document["mediaType"])
        return {"mediaType": document["mediaType"], "digest": digest_of(data), "size": len(data)}

    def get_manifest(self, name):
        return self.send("GET", f"{self.base}/manifests/{name}", accept=f"{MANIFEST}, {INDEX}").read()


def sign(key, payload, hash_name):
    with open(key) as file:
        is_ed25519 = "ED25519" in subprocess.check_output(["openssl", "pkey", "-noout", "-text"], stdin=file, text=True)
    with tempfile.NamedTemporaryFile() as file:
        file.write(payload)
        file.flush()
        if is_ed25519:
            return subprocess.check_output(["openssl", "pkeyutl", "-sign", "-inkey", key, "-rawin", "-in", file.name])
        return subprocess.check_output(["openssl", "dgst", "-" + hash_name, "-sign", key, file.name])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("registry"), parser.add_argument("repository"), parser.add_argument("digest")
    parser.add_argument("--key")
    parser.add_argument("--hash", default="sha256")
    parser.add_argument("--identity", help="docker-reference; REGISTRY/REPOSITORY as cosign writes it")
    parser.add_argument("--claim", help="the digest that is signed, instead of DIGEST")
    parser.add_argument("--referrer", action="store_true", help="by the referrers' tag, not by the .sig tag")
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--pad", type=int, default=0, help="bytes of an optional member")
    parser.add_argument("--suffix", default="", help="bytes after the payload's end")
    parser.add_argument("--duplicate", action="store_true", help="the digest twice in the payload")
    parser.add_argument("--swap", action="store_true", help="the blob is not what the descriptor says")
    parser.add_argument("--index-of", help="no signature: pushes an index of DIGEST under this tag, prints its digest")
    args = parser.parse_args()
    registry = Registry(args.registry, args.repository)
    if args.index_of:
        data = registry.get_manifest(args.digest)
        entry = {"mediaType": json.loads(data).get("mediaType", MANIFEST), "digest": args.digest, "size": len(data),
                 "platform": {"os": "linux", "architecture": os.environ["ARCHITECTURE"]}}
        made = registry.put_manifest(args.index_of, {"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]})
        print(made["digest"])
        return
    claim = {"critical": {"identity": {"docker-reference": args.identity or f"{args.registry}/{args.repository}"},
                          "image": {"docker-manifest-digest": args.claim or args.digest},
                          "type": "cosign container image signature"},
             "optional": {"pad": "x" * args.pad} if args.pad else None}
    payload = json.dumps(claim).encode() + args.suffix.encode()
    if args.duplicate:
        other = '"docker-manifest-digest": "sha256:%s", ' % ("0" * 64)
        payload = payload.replace(b'"docker-manifest-digest"', other.encode() + b'"docker-manifest-digest"')
    signature = base64.b64encode(sign(args.key, payload, args.hash)).decode()
    config = registry.put_blob(b"{}")
    layer = dict(registry.put_blob(payload), mediaType=SIMPLE, annotations={"dev.cosignproject.cosign/signature": signature})
    if args.swap:
        layer["size"] -= 1
    attachment = {"schemaVersion": 2, "mediaType": MANIFEST,
                  "config": dict(config, mediaType="application/vnd.oci.image.config.v1+json"), "layers": [layer] * args.count}
    tag = args.digest.replace(":", "-")
    if not args.referrer:
        registry.put_manifest(tag + ".sig", attachment)
        return
    attachment["subject"] = {"mediaType": MANIFEST, "digest": args.digest, "size": 1}
    attachment["artifactType"] = ARTIFACT
    name = digest_of(json.dumps(attachment).encode())
    made = dict(registry.put_manifest(name, attachment), artifactType=ARTIFACT)
    registry.put_manifest(tag, {"schemaVersion": 2, "mediaType": INDEX, "manifests": [made]})


main()

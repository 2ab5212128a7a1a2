// Storage: what can be relied on of images, containers' files and the store.
#include "engine/guarantees/groups.h"
#include "engine/guarantees/judgement.h"
#include "engine/guarantees/read_trial.h"

namespace wolffia {
namespace {

std::optional<Finding> NoStore(HostTrial& host) {
  const StoreTrial& store = host.OnStore();
  if (store.problem.empty()) return std::nullopt;
  Finding finding = HoldsIf("the store cannot be used: " + store.problem,
                            "set storage.root to a local directory of your own", Who::kYou);
  finding.stops_run = true;
  return finding;
}

// It needs a memory for what was written: another directory.
Finding ElsewhereOnly(std::string reason) {
  return HoldsIf(std::move(reason),
                 "set storage.root to a directory on a local disk (ext4, xfs, btrfs) in wolffia.toml",
                 Who::kYou);
}

Finding RootFileSystem(HostTrial& host) {
  if (auto settled = Settled(host, Trial::kFuse)) return *settled;
  Finding finding = FindingOf(ExplainFuseRefusal(host.InWorld().inside[Trial::kFuse]));
  finding.stops_run = true;
  return finding;
}

Finding NativeWrites(HostTrial& host) {
  if (auto refused = NamespaceRefused(host, 0)) return *refused;
  if (auto none = NoStore(host)) return *none;
  const StoreTrial& store = host.OnStore();
  if (store.overlay.works) return Holds();
  const std::string why = ExplainOverlayRefusal(store.overlay.os_errno, store.path);
  if (const size_t at = why.find(": set storage.root"); at != std::string::npos)
    return ElsewhereOnly(why.substr(0, at));
  return FindingOf(why);
}

Finding VerifiedAtPull(HostTrial& host) {
  const std::string& problem = host.ContentProblem();
  return problem.empty() ? Holds() : Lost(problem);
}

Finding VerifiedAtRead(HostTrial& host) {
  if (const std::string problem = TryVerifiedRead(); !problem.empty()) return Lost(problem);
  if (host.settings().verify == "open") return Holds();
  return HoldsIf("storage.verify is \"pull\"", "set storage.verify to \"open\" in wolffia.toml", Who::kYou);
}

Finding SurvivesPowerCut(HostTrial& host) {
  if (auto none = NoStore(host)) return *none;
  const StoreTrial& store = host.OnStore();
  if (store.in_memory) return ElsewhereOnly("the store is in memory (" + store.file_system + ")");
  if (host.settings().durability != Durability::kSafe)
    return HoldsIf("storage.durability is \"volatile\"", "set storage.durability to \"safe\" in wolffia.toml",
                   Who::kYou);
  if (store.sync != 0)
    return ElsewhereOnly("the file system of the store refuses to write through: " + Words(store.sync));
  return Holds();
}

Finding SurvivesKill(HostTrial& host) {
  if (auto none = NoStore(host)) return *none;
  const StoreTrial& store = host.OnStore();
  if (store.lock != 0) {
    Finding finding = ElsewhereOnly("locks do not work on the store's file system (" + store.file_system +
                                    "): " + Words(store.lock));
    finding.stops_run = true;
    return finding;
  }
  if (store.rename != 0)
    return ElsewhereOnly("replacing a file by rename does not work on the store's file system: " +
                         Words(store.rename));
  return Holds();
}

Finding NetworkStore(HostTrial& host) {
  if (auto none = NoStore(host)) return *none;
  const StoreTrial& store = host.OnStore();
  if (!store.network_file_system) return NotApplicable("the store is on " + store.file_system);
  return SurvivesKill(host);
}

Finding StoreAttributes(HostTrial& host) {
  if (auto none = NoStore(host)) return *none;
  if (host.OnStore().user_xattr == 0) return Holds();
  return ElsewhereOnly("the store's file system has no user extended attributes: " +
                       Words(host.OnStore().user_xattr));
}

Finding SharedStore(HostTrial&) {
  return Lost("wolffia does not use a second, read-only store yet");
}

Finding DeviceNodes(HostTrial& host) {
  if (auto refused = NamespaceRefused(host, 0)) return *refused;
  const int error = host.InWorld().inside[Trial::kDeviceNode];
  return Lost("the kernel lets only root of the host make devices" +
              (error > 0 ? ": " + Words(error) : std::string()));
}

Finding DeviceBind(HostTrial& host) {
  if (auto settled = Settled(host, Trial::kDeviceBind)) return *settled;
  Finding finding = Lost("a device of the host could not be bound and opened: " +
                         Words(host.InWorld().inside[Trial::kDeviceBind]));
  finding.stops_run = true;
  return finding;
}

constexpr Guarantee kRows[] = {
    {.id = "root-file-system",
     .title = "A container's root file system can be put up",
     .rootful = "the kernel's overlayfs over unpacked layers",
     .mechanism = "FUSE, served by the container's monitor from the layers as they were pulled, with the "
                  "kernel's overlayfs on top where it can be had",
     .needs = "/dev/fuse, open to the user, and a kernel that mounts it in a user namespace (Linux 4.18)",
     .instead = "nothing but --rootfs works",
     .attainable = true,
     .probe = RootFileSystem},
    {.id = "native-writes",
     .title = "A container writes at the speed of the host's file system",
     .rootful = "the kernel's overlayfs",
     .mechanism = "the same, mounted in the user namespace (userxattr), tried on the store",
     .needs = "Linux 5.11, and a store on a local file system",
     .instead = "wolffia's own overlay in FUSE takes the writes; creating and removing many files is slower",
     .attainable = true,
     .probe = NativeWrites},
    {.id = "verified-at-pull",
     .title = "Images are what their digests say when they arrive",
     .rootful = "the digest of each blob is checked",
     .mechanism = "the digest of manifest, configuration and layers is checked, compressed and uncompressed, "
                  "before they have a name in the store; tried with a false image",
     .needs = "",
     .instead = "",
     .attainable = true,
     .probe = VerifiedAtPull},
    {.id = "verified-at-read",
     .title = "Images are what their digests say whenever they are read",
     .rootful = "fs-verity with composefs, where it is set up",
     .mechanism =
         "each chunk of 64 KiB that is read is compared with a digest that was made while the layer "
         "was verified; a difference is an I/O error and is told (storage.verify); against a store that "
         "changes by itself, not against somebody who may write to it",
     .needs = "storage.verify \"open\"",
     .instead =
         "wolffia system check verifies every byte of the store, layers being kept as they were pulled; "
         "with --repair it fetches damaged ones again",
     .attainable = true,
     .probe = VerifiedAtRead},
    {.id = "survives-power-cut",
     .title = "What a command has reported as done is there after a power cut",
     .rootful = "depends on the engine; most do not promise it",
     .mechanism = "fsync(2) of files and directories before a name appears",
     .needs = "storage.durability \"safe\" (the default), and a store that is not in memory",
     .instead = "every object is whole or absent; nothing needs a repair",
     .attainable = true,
     .probe = SurvivesPowerCut},
    {.id = "survives-kill",
     .title = "The store is whole after kill -9 of any process of the engine",
     .rootful = "a database, with a repair after some crashes",
     .mechanism = "objects appear by rename(2); that something is in use is a lock that ends with its "
                  "process, tried with one that is killed",
     .needs = "a file system with locks",
     .instead = "",
     .attainable = true,
     .probe = SurvivesKill},
    {.id = "network-store",
     .title = "Images and containers can be on NFS, Lustre or GPFS",
     .rootful = "no engine does it well: overlayfs cannot write there",
     .mechanism = "layers are single files, and changes go through FUSE as the user's own files",
     .needs = "a file system with locks",
     .instead = "",
     .attainable = true,
     .probe = NetworkStore},
    {.id = "store-attributes",
     .title = "Owners and modes of a container's files are kept beside them",
     .rootful = "real owners",
     .mechanism = "ids of the user namespace with the kernel's overlayfs; an extended attribute (user.*) "
                  "with wolffia's own",
     .needs = "a file system with user extended attributes (tmpfs: Linux 6.6; not NFS before 4.2)",
     .instead = "wolffia's own overlay keeps them in files of their own",
     .attainable = true,
     .probe = StoreAttributes},
    {.id = "shared-store",
     .title = "Many users read one store of images",
     .rootful = "additional image stores",
     .mechanism = "",
     .needs = "",
     .instead = "each user has a store of their own",
     .attainable = false,
     .probe = SharedStore},
    {.id = "host-devices",
     .title = "A container can have devices of the host that the user may open",
     .rootful = "device nodes and the device cgroup, for every device",
     .mechanism = "the device is bound into the container (--device); the host's permissions count",
     .needs = "",
     .instead = "",
     .attainable = true,
     .probe = DeviceBind},
    {.id = "device-nodes",
     .title = "A container can make device nodes",
     .rootful = "mknod(2), with CAP_MKNOD",
     .mechanism = "",
     .needs = "",
     .instead = "devices are bound (--device); an image's device nodes are shown, but cannot be opened",
     .attainable = false,
     .probe = DeviceNodes},
};

}  // namespace

std::span<const Guarantee> StorageGuarantees() {
  return kRows;
}

}  // namespace wolffia

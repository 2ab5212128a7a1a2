// What parses foreign bytes (layers, manifests, answers of registries) gives up first what it does not need,
// by Landlock: from then on this program writes below the store alone, executes nothing, listens on no port,
// and, where no network was asked for, connects to none. A kernel that cannot hold a part goes without it.
//
// Verbs that remove trees of subordinate ids are not confined: newuidmap(1) gains its rights by being setuid,
// which a confined process's children do not (no_new_privs).
#pragma once

#include "cmd/session.h"
#include "engine/registry/pull.h"

namespace wolffia {

enum class Network { kNone, kAny };

// Before the first byte is read, while this program has one thread.
void ConfineToStore(const Command& command, const Session& session, Network network);

// For the signatures of images that are in the store. As for pulls, gpgv may be executed.
void ConfineVerification(const Command& command, const Session& session, const Policies& policies);

// For pulls. A credential helper is a program of the user's, which writes where it wants: where a
// configuration names one, only listening is given up. Where a policy wants GPG signatures, gpgv is executed:
// confined as this program is.
void ConfinePull(const Command& command, const Session& session, const PullOptions& options);

}  // namespace wolffia

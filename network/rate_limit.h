// LimitRates: how fast a container may send and receive, by the kernel's token bucket (tc-tbf(8)) inside its
// network namespace. What it sends waits at its interface; what it receives is led through an ifb device and
// waits there, so that the sender slows down before anything is lost. The limits hold for each interface, and
// are the container's to change only if it was given CAP_NET_ADMIN.
#pragma once

#include <string>
#include <vector>

#include "network/driver.h"
#include "network/rate_option.h"

namespace wolffia {

// Sets or replaces the limits of `interfaces` in the namespace of `target`. Again after a driver's repair:
// the limits of an interface end with it. kUnsupported: the kernel has no tbf, ifb or mirred.
Result<> LimitRates(const NetworkTarget& target, const std::vector<std::string>& interfaces,
                    const NetworkRates& rates);

}  // namespace wolffia

// Help texts, made from the option table. Pure.
#pragma once

#include <string>

#include "cmd/option.h"

namespace wolffia {

std::string GeneralHelp();
std::string HelpOf(const Verb& verb);

}  // namespace wolffia

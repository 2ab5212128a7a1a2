// Layers and trees as lines of text, for tables in tests.
//
// A layer is written one entry a line:   d etc/ 700   f etc/passwd 644 5   l lib usr/lib   h two one   c
// dev/null and a tree is read back as             d etc 0700 2   f etc/passwd 0644 1 L0 5   ... (type, path,
// mode, nlink, layer, then what the type has), sorted as the index has them, parents first.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <sstream>
#include <string>
#include <vector>

#include "storage/overlay/index_builder.h"
#include "storage/overlay/lower_index.h"

namespace wolffia {

inline LayerEntry EntryOfLine(const std::string& line) {
  std::istringstream in(line);
  char type = 0;
  LayerEntry e;
  std::string mode;
  in >> type >> e.path;
  if (type == 'l' || type == 'h') {
    in >> e.link_target;
    e.hard_link = type == 'h';
    e.mode = type == 'l' ? S_IFLNK | 0777 : S_IFREG;
    return e;
  }
  if (in >> mode) e.mode = static_cast<uint32_t>(std::stoul(mode, nullptr, 8));
  if (mode.empty()) e.mode = type == 'd' ? 0755 : 0644;
  in >> e.size;
  e.mode |= type == 'd' ? S_IFDIR : type == 'c' ? S_IFCHR : type == 'p' ? S_IFIFO : S_IFREG;
  if (type == 'c') e.rdev = e.size, e.size = 0;
  return e;
}

// Lines are separated by newlines or ';'.
inline Result<std::string> LayerOfText(std::string text) {
  IndexBuilder builder;
  for (char& c : text)
    if (c == ';') c = '\n';
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);)
    if (line.find_first_not_of(' ') != line.npos) TRY(builder.Add(EntryOfLine(line)));
  return builder.Finish();
}

inline void DescribeNode(const LowerIndex& index, uint32_t n, const std::string& path, std::ostream& out) {
  const IndexNode& node = index.node(n);
  char mode[8];
  snprintf(mode, sizeof mode, "%04o", node.mode & 07777);
  if ((node.flags & kNodeWhiteout) != 0) {
    out << "w " << path << '\n';
    return;
  }
  if ((node.flags & kNodeLowerLink) != 0) {
    out << "h " << path << " -> " << index.Target(node) << '\n';
    return;
  }
  const char* type = S_ISDIR(node.mode)   ? "d "
                     : S_ISLNK(node.mode) ? "l "
                     : S_ISCHR(node.mode) ? "c "
                     : S_ISREG(node.mode) ? "f "
                                          : "? ";
  out << type << path << ' ' << mode << ' ' << node.nlink;
  if (index.is_chain()) out << " L" << node.layer;
  if (S_ISLNK(node.mode)) out << " -> " << index.Target(node);
  if (S_ISREG(node.mode)) out << ' ' << node.size;
  if (S_ISCHR(node.mode)) out << ' ' << node.data;
  if ((node.flags & kNodeOpaque) != 0) out << " opaque";
  if ((node.flags & kNodeImplicit) != 0) out << " implied";
  for (const IndexXattr& x : index.Xattrs(node))
    out << ' ' << index.XattrName(x) << '=' << index.XattrValue(x);
  out << '\n';
}

// Breadth first, so that a tree of any depth can be described.
inline std::string Describe(const LowerIndex& index) {
  std::ostringstream out;
  DescribeNode(index, 0, ".", out);
  std::vector<std::pair<uint32_t, std::string>> queue = {{0, ""}};
  for (size_t at = 0; at < queue.size(); ++at) {
    auto [n, prefix] = queue[at];
    for (const IndexDirent& d : index.Dirents(index.node(n))) {
      std::string path = prefix + std::string(index.Name(d));
      DescribeNode(index, d.node, path, out);
      if (S_ISDIR(index.node(d.node).mode)) queue.emplace_back(d.node, path + "/");
    }
  }
  return out.str();
}

// The tree, or "error: ..." whatever failed.
inline std::string DescribeBytes(Result<std::string> bytes) {
  if (!bytes) return "error: " + bytes.error().what;
  auto index = LowerIndex::FromBytes(std::move(*bytes));
  return index ? Describe(*index) : "rejected: " + index.error().what;
}

}  // namespace wolffia

// HttpServer: a small HTTP/1.1 server on loopback for tests: one thread a connection, a handler that may
// answer, cut the connection or stay silent, and a record of every request.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/fd.h"

namespace wolffia {

struct TestRequest {
  std::string method, path, body;              // path with its query
  std::map<std::string, std::string> headers;  // names in lower case
  std::string Header(const std::string& name) const {
    auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
};

struct TestReply {
  int status = 200;
  std::vector<std::string> headers;
  std::string body;
  int64_t cut_after = -1;   // bytes of the body, then the connection is closed; 0: no answer at all
  int64_t say_length = -1;  // Content-Length, instead of the body's
};

class HttpServer {
 public:
  using Handler = std::function<TestReply(const TestRequest&)>;
  explicit HttpServer(Handler handler) : handler_(std::move(handler)) {
    listener_ = Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    if (bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        listen(listener_.get(), 64) != 0)
      ADD_FAILURE() << "listen: " << strerror(errno);
    getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { Accept(); });
  }
  ~HttpServer() {
    stop_ = true;
    acceptor_.join();
    for (std::thread& connection : connections_) connection.join();
  }

  // "127.0.0.1:port", and another name of the same place, for tests of what crosses hosts.
  std::string host() const { return "127.0.0.1:" + std::to_string(port_); }
  std::string other_name() const { return "localhost:" + std::to_string(port_); }
  std::string url() const { return "http://" + host(); }

  std::vector<TestRequest> Requests() {
    std::lock_guard lock(mutex_);
    return requests_;
  }
  void Forget() {
    std::lock_guard lock(mutex_);
    requests_.clear();
  }
  // How many requests have this in "METHOD path".
  int Count(const std::string& part) {
    int count = 0;
    for (const TestRequest& request : Requests())
      if ((request.method + " " + request.path).find(part) != std::string::npos) ++count;
    return count;
  }

 private:
  bool Readable(int fd) {
    while (!stop_) {
      pollfd ready{fd, POLLIN, 0};
      if (poll(&ready, 1, 20) > 0) return true;
    }
    return false;
  }

  void Accept() {
    while (Readable(listener_.get())) {
      int fd = accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
      if (fd >= 0) connections_.emplace_back([this, fd] { Serve(Fd(fd)); });
    }
  }

  void Serve(Fd connection) {
    std::string buffer;
    while (auto request = Receive(connection.get(), buffer)) {
      {
        std::lock_guard lock(mutex_);
        requests_.push_back(*request);
      }
      if (!Send(connection.get(), *request, handler_(*request))) return;
    }
  }

  std::optional<TestRequest> Receive(int fd, std::string& buffer) {
    size_t end;
    while ((end = buffer.find("\r\n\r\n")) == std::string::npos) {
      char bytes[4096];
      ssize_t got = Readable(fd) ? recv(fd, bytes, sizeof bytes, 0) : 0;
      if (got <= 0 || (buffer.empty() && bytes[0] == 0x16)) return std::nullopt;  // 0x16: somebody tries TLS
      buffer.append(bytes, static_cast<size_t>(got));
    }
    TestRequest request;
    std::string head = buffer.substr(0, end + 2);
    buffer.erase(0, end + 4);
    size_t space = head.find(' ');
    request.method = head.substr(0, space);
    request.path = head.substr(space + 1, head.find(' ', space + 1) - space - 1);
    for (size_t at = head.find("\r\n") + 2; at < head.size();) {
      size_t line = head.find("\r\n", at), colon = head.find(':', at);
      std::string name = head.substr(at, colon - at);
      for (char& c : name) c = static_cast<char>(tolower(c));
      request.headers[name] = head.substr(colon + 2, line - colon - 2);
      at = line + 2;
    }
    size_t length = strtoul(request.Header("content-length").c_str(), nullptr, 10);
    while (buffer.size() < length) {
      char bytes[4096];
      ssize_t got = Readable(fd) ? recv(fd, bytes, sizeof bytes, 0) : 0;
      if (got <= 0) return std::nullopt;
      buffer.append(bytes, static_cast<size_t>(got));
    }
    request.body = buffer.substr(0, length);
    buffer.erase(0, length);
    return request;
  }

  static bool SendAll(int fd, std::string_view data) {
    while (!data.empty()) {
      ssize_t sent = send(fd, data.data(), data.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      data.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  static bool Send(int fd, const TestRequest& request, const TestReply& reply) {
    if (reply.cut_after == 0) return false;
    std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " Reply\r\n";
    for (const std::string& header : reply.headers) head += header + "\r\n";
    int64_t length = reply.say_length >= 0 ? reply.say_length : static_cast<int64_t>(reply.body.size());
    head += "Content-Length: " + std::to_string(length) + "\r\n\r\n";
    if (!SendAll(fd, head)) return false;
    if (request.method == "HEAD") return true;
    std::string_view body = reply.body;
    if (reply.cut_after > 0) body = body.substr(0, static_cast<size_t>(reply.cut_after));
    return SendAll(fd, body) && reply.cut_after < 0 && length == static_cast<int64_t>(reply.body.size());
  }

  Handler handler_;
  Fd listener_;
  uint16_t port_ = 0;
  std::atomic<bool> stop_ = false;
  std::mutex mutex_;  // protects requests_
  std::vector<TestRequest> requests_;
  std::vector<std::thread> connections_;  // of the acceptor, until it is joined
  std::thread acceptor_;
};

}  // namespace wolffia

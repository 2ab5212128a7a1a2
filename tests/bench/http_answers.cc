// http_answers PORT: answers every HTTP request with the same few bytes, on one thread, as fast as it can:
// the server of net_rows_ports.py. What a client sends in one go is one request.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nContent-Type: text/plain\r\n\r\nhello\n";
constexpr std::string_view kLastAnswer =
    "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n";

void Answer(int client) {
  char request[4096];
  const ssize_t n = read(client, request, sizeof request);
  const std::string_view text(request, n > 0 ? static_cast<size_t>(n) : 0);
  const bool last = text.find("Connection: close") != text.npos;
  const std::string_view answer = last ? kLastAnswer : kAnswer;
  if (n <= 0 || write(client, answer.data(), answer.size()) < 0 || last) close(client);
}

}  // namespace

int main(int argc, char** argv) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(static_cast<uint16_t>(argc > 1 ? atoi(argv[1]) : 8000));
  const int listener = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) < 0 || listen(listener, 4096) < 0)
    return 1;
  const int epoll = epoll_create1(0);
  auto watch = [&](int fd) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  };
  watch(listener);
  epoll_event events[256];
  while (true) {
    const int n = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < n; i++) {
      if (events[i].data.fd != listener) {
        Answer(events[i].data.fd);
        continue;
      }
      for (int client; (client = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK)) >= 0; watch(client))
        setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
  }
}

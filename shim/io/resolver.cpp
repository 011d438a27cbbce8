#include "shim/io/resolver.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <system_error>
#include <thread>
#include <utility>

#include "shim/io/timer_fd.hpp"

namespace shim {

/// What the lookup threads and the loop share.
struct Resolver::Shared {
  Descriptor wake{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
  std::mutex mutex;
  std::set<std::string> under_way;
  std::map<std::string, Result> finished;
};

namespace {

Resolver::Result look_up(const std::string& host) {
  Resolver::Result result;
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (error != 0) {
    result.error = ::gai_strerror(error);
    return result;
  }
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(info->ai_addr, info->ai_addrlen, text.data(), text.size(), nullptr, 0,
                      NI_NUMERICHOST) != 0)
      continue;
    const std::string address = text.data();
    if (std::ranges::find(result.addresses, address) != result.addresses.end()) continue;
    if (result.addresses.size() < Resolver::addresses_max) result.addresses.push_back(address);
  }
  ::freeaddrinfo(found);
  if (result.addresses.empty()) result.error = "the name has no address";
  return result;
}

void signal_wake(int fd) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t ignored = ::write(fd, &one, sizeof one);
}

}  // namespace

Resolver::Resolver(Loop& loop) : loop_(loop), shared_(std::make_shared<Shared>()) {
  loop_.watch(shared_->wake.get(), EPOLLIN, [this](std::uint32_t) { on_wake(); });
}

Resolver::~Resolver() { loop_.unwatch(shared_->wake.get()); }

void Resolver::lookup(const std::string& host, Done done) {
  host_ = host;
  done_ = std::move(done);
  const std::lock_guard lock(shared_->mutex);
  shared_->finished.erase(host);
  if (shared_->under_way.contains(host)) return;
  if (shared_->under_way.size() >= lookups_max) {
    shared_->finished[host] = {{}, "earlier lookups of other names still hang"};
    signal_wake(shared_->wake.get());
    return;
  }
  shared_->under_way.insert(host);
  // The thread must not take our signals.
  sigset_t all{};
  sigset_t before{};
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread([shared = shared_, host] {
      Result result = look_up(host);
      const std::lock_guard inner(shared->mutex);
      shared->under_way.erase(host);
      shared->finished[host] = std::move(result);
      signal_wake(shared->wake.get());
    }).detach();
  } catch (const std::system_error& error) {
    shared_->under_way.erase(host);
    shared_->finished[host] = {{}, std::string("no thread for it: ") + error.what()};
    signal_wake(shared_->wake.get());
  }
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Resolver::on_wake() {
  drain(shared_->wake);
  std::map<std::string, Result> finished;
  {
    const std::lock_guard lock(shared_->mutex);
    finished.swap(shared_->finished);
  }
  const auto found = finished.find(host_);
  if (found == finished.end() || !done_) return;
  const Done done = std::exchange(done_, nullptr);
  done(found->second);
}

bool is_numeric_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  const std::string without_zone = host.substr(0, host.find('%'));
  return ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, without_zone.c_str(), address.data()) == 1;
}

}  // namespace shim

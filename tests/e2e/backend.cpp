#include "backend.hpp"

#include <utility>

namespace e2e {

void Backend::start(const Arguments& arguments) {
  ++starts_;
  Ends out = make_pipe();
  const Arguments command = enter_ +
                            Arguments{E2E_BACKEND,
                                      "--host",
                                      address_,
                                      "--port",
                                      std::to_string(port_.number()),
                                      "--journal",
                                      files_.path("journal-" + std::to_string(starts_))} +
                            arguments;
  process_ = std::make_unique<Process>(command, std::vector<std::string>{},
                                       Streams{.in = -1, .out = out.write.get(), .err = 2});
  out.write.close();
  (void)first_line(out.read);
}

void Backend::restart(const Arguments& arguments) {
  kill();
  start(arguments);
}

std::string Backend::url(const std::string& path) const {
  return "ws://" + address_ + ":" + std::to_string(port_.number()) + path;
}

std::vector<Json> Backend::journal(std::size_t start) const {
  std::vector<Json> out;
  const std::string text = read_file(files_.path("journal-" + std::to_string(start)));
  std::size_t begin = 0;
  // A last line without its newline is still being written.
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    out.push_back(Json::parse(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return out;
}

std::vector<Json> Backend::received(std::size_t start) const {
  std::vector<Json> out;
  for (Json& line : journal(start)) {
    if (line.contains("message")) out.push_back(std::move(line["message"]));
  }
  return out;
}

std::function<bool()> Backend::has_received(std::string method, std::size_t count) const {
  return [this, method = std::move(method), count] {
    std::size_t found = 0;
    for (const Json& message : received()) {
      if (message.is_object() && message.value("method", "") == method) ++found;
    }
    return found >= count;
  };
}

std::vector<Json> Backend::executed() const {
  std::vector<Json> out;
  for (std::size_t start = 1; start <= starts_; ++start) {
    for (const Json& line : journal(start)) {
      if (line.contains("executed")) out.push_back(line["id"]);
    }
  }
  return out;
}

Arguments operator+(Arguments flags, const std::string& url) {
  flags.push_back(url);
  return flags;
}

Arguments operator+(Arguments flags, const Arguments& more) {
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

}  // namespace e2e

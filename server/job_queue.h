// What waits for a worker: in order of arrival for each client, the clients taking turns.
#pragma once

#include <algorithm>
#include <deque>
#include <list>
#include <string>

namespace linalgd {

template <typename Item> class FairQueue {
public:
  void push(const std::string &client, Item item) {
    auto line = std::ranges::find(lines_, client, &Line::client);
    if (line == lines_.end())
      line = lines_.insert(lines_.end(), Line{client, {}});
    line->items.push_back(std::move(item));
  }

  bool empty() const { return lines_.empty(); }

  Item pop() {
    Item item = std::move(lines_.front().items.front());
    lines_.front().items.pop_front();
    if (lines_.front().items.empty())
      lines_.pop_front();
    else
      lines_.splice(lines_.end(), lines_, lines_.begin());
    return item;
  }

  void remove(const Item &item) {
    for (auto line = lines_.begin(); line != lines_.end(); ++line) {
      if (std::erase(line->items, item) == 0)
        continue;
      if (line->items.empty())
        lines_.erase(line);
      return;
    }
  }

private:
  struct Line {
    std::string client;
    std::deque<Item> items; // never empty
  };
  std::list<Line> lines_; // the front one is served next
};

} // namespace linalgd

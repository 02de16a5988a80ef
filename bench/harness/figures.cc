// SPDX-License-Identifier: Apache-2.0
#include "bench/harness/figures.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

namespace perigee::bench {
namespace {

// Model name of the processor, as far as the system tells.
std::string ProcessorName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("model name", 0) == 0) {
      return line.substr(line.find(':') + 2);
    }
  }
  return "unknown";
}

std::string Number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), std::abs(value) >= 100 ? "%.0f" : "%.3f", value);
  return text;
}

}  // namespace

double Percentile(std::vector<double> values, double share) {
  if (values.empty()) {
    return 0;
  }
  std::sort(values.begin(), values.end());
  const auto position =
      static_cast<size_t>(std::lround(share * static_cast<double>(values.size() - 1)));
  return values[std::min(position, values.size() - 1)];
}

void Figures::PrintTable(std::ostream& out) const {
  for (const Figure& figure : figures_) {
    out << figure.name << std::string(figure.name.size() < 34 ? 34 - figure.name.size() : 1, ' ')
        << Number(figure.value) << " " << figure.unit;
    if (figure.peer_value.has_value()) {
      out << "   " << figure.peer << " " << Number(*figure.peer_value) << "   ratio "
          << Number(figure.value / *figure.peer_value);
    }
    out << "\n";
  }
}

std::string Figures::Json() const {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Figure& figure : figures_) {
    nlohmann::ordered_json item = {
        {"name", figure.name}, {"value", figure.value}, {"unit", figure.unit}};
    if (figure.peer_value.has_value()) {
      item["peer"] = figure.peer;
      item["peer_value"] = *figure.peer_value;
      item["ratio"] = figure.value / *figure.peer_value;
    }
    list.push_back(item);
  }
  const nlohmann::ordered_json machine = {{"processor", ProcessorName()},
                                          {"cores", std::thread::hardware_concurrency()}};
  return nlohmann::ordered_json({{"machine", machine}, {"figures", list}}).dump(2) + "\n";
}

}  // namespace perigee::bench

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "neurojoule/app/report.hpp"
#include "neurojoule/core/atomic_file.hpp"

// The "Trace Event Format" of Chrome, as JSON. Times are microseconds there; six decimals make them
// exact.

namespace nj {
namespace {

using Json = nlohmann::ordered_json;

/// Text is handed to the file in pieces of about this size.
constexpr std::size_t piece = 1 << 16;

/// The process and thread that the viewer shows a unit as.
struct Track {
  std::uint32_t process = 0;
  std::uint32_t thread = 0;
};

/// Tracks of the chip as a whole, and of the ports of an array; cores come after them.
constexpr std::uint32_t chip_process = 1;
constexpr std::uint32_t steps_thread = 1;
constexpr std::uint32_t first_unit_thread = 2;
constexpr std::uint32_t first_core_thread = first_unit_thread + work_units;
constexpr std::uint32_t core_units = 3;  ///< the first of WorkUnit

bool of_core(WorkUnit unit) { return static_cast<std::uint32_t>(unit) < core_units; }

/// After those of the tiles.
std::uint32_t links_process(const Chip& chip) { return chip_process + 1 + chip.topology().tiles(); }

Track track_of(const Chip& chip, const WorkRecord& record) {
  const auto unit = static_cast<std::uint32_t>(record.unit);
  if (of_core(record.unit)) {
    return {chip_process + 1 + chip.core(record.core).tile,
            first_core_thread + core_units * record.core.index + unit};
  }
  if (record.unit == WorkUnit::link) {
    const auto cores = static_cast<std::uint32_t>(chip.cores().size());
    return {links_process(chip), first_core_thread + core_units * cores + record.link};
  }
  return {chip_process, first_unit_thread + unit};
}

std::string_view unit_name(WorkUnit unit) {
  switch (unit) {
    case WorkUnit::neuron_unit:
      return "neuron unit";
    case WorkUnit::synapse_unit:
      return "synapse unit";
    case WorkUnit::encoder_unit:
      return "encoder unit";
    case WorkUnit::io_port:
      return "I/O port";
    case WorkUnit::barrier:
      return "barrier";
    case WorkUnit::array:
      return "array";
    case WorkUnit::off_chip_port:
      return "off-chip port";
    case WorkUnit::spike_buffer_port:
      return "spike buffer port";
    case WorkUnit::link:
      return "link";
  }
  return "";
}

/// What its `count` counts.
std::string_view count_name(WorkUnit unit) {
  switch (unit) {
    case WorkUnit::encoder_unit:
      return "frames";
    case WorkUnit::array:
      return "jobs";
    case WorkUnit::off_chip_port:
    case WorkUnit::spike_buffer_port:
      return "transfers";
    default:
      return "packets";
  }
}

std::string_view activity_name(const WorkRecord& record) {
  switch (record.unit) {
    case WorkUnit::neuron_unit:
      return "neurons";
    case WorkUnit::synapse_unit:
      return "synapses";
    case WorkUnit::encoder_unit:
      return "frame";
    case WorkUnit::io_port:
      return "input";
    case WorkUnit::barrier:
      return "barrier";
    case WorkUnit::array:
      return "compute";
    case WorkUnit::link:
      return "link";
    default:
      return record.stores ? "store" : "load";
  }
}

std::string microseconds(Picoseconds time) {
  return fmt::format("{}.{:06}", time.value() / 1'000'000, time.value() % 1'000'000);
}

/// Writes events one after another.
class EventWriter {
 public:
  explicit EventWriter(const std::filesystem::path& file) : file_(file) {}

  void name(Track track, std::string_view kind, const std::string& name) {
    add(fmt::format(R"({{"ph": "M", "pid": {}, "tid": {}, "name": "{}", "args": {{"name": {}}}}})",
                    track.process, track.thread, kind, Json(name).dump()));
  }

  void event(Track track, std::string_view category, const std::string& quoted_name,
             Picoseconds start, Picoseconds end, const std::string& args) {
    add(fmt::format(
        R"({{"ph": "X", "pid": {}, "tid": {}, "cat": "{}", "name": {}, "ts": {}, "dur": {}, "args": {{{}}}}})",
        track.process, track.thread, category, quoted_name, microseconds(start),
        microseconds(end - start), args));
  }

  void finish(const Json& other) {
    text_ += fmt::format("\n],\n\"otherData\": {}}}\n", other.dump());
    file_.write(text_);
    file_.commit();
  }

 private:
  void add(const std::string& event) {
    if (!first_) text_ += ",\n";
    first_ = false;
    text_ += event;
    if (text_.size() < piece) return;
    file_.write(text_);
    text_.clear();
  }

  AtomicFile file_;
  std::string text_ = "{\"displayTimeUnit\": \"ns\",\n\"traceEvents\": [\n";
  bool first_ = true;
};

/// What the thread of a record is called.
std::string thread_name(const Chip& chip, const WorkRecord& record) {
  if (of_core(record.unit)) {
    return fmt::format("core {} ({}): {}", record.core.index, chip.kind_of(record.core).name,
                       unit_name(record.unit));
  }
  if (record.unit != WorkUnit::link) return std::string(unit_name(record.unit));
  const Link& link = chip.topology().links()[record.link];
  return fmt::format("link {} to {}", chip.topology().router_name(link.from),
                     chip.topology().router_name(link.to));
}

std::string process_name(const Chip& chip, const WorkRecord& record) {
  if (record.unit == WorkUnit::link) return "links";
  if (!of_core(record.unit)) return chip.spec().name;
  const std::uint32_t tile = chip.core(record.core).tile;
  const std::string& name = chip.topology().router_name(tile);
  return name.starts_with("tile ") ? name : fmt::format("tile {} {}", tile, name);
}

/// Names the processes and threads that have records.
void name_tracks(EventWriter& writer, const Chip& chip, const SimulationResult& sample) {
  writer.name({chip_process, 0}, "process_name", chip.spec().name);
  writer.name({chip_process, steps_thread}, "thread_name",
              chip.spec().array       ? "turns"
              : chip.spec().handshake ? "time steps"
                                      : "global steps");
  std::vector<bool> threads(first_core_thread + core_units * chip.cores().size() +
                            chip.topology().links().size());
  std::vector<bool> processes(links_process(chip) + std::size_t{1});
  processes[chip_process] = true;
  for (const WorkRecord& record : sample.work) {
    const Track track = track_of(chip, record);
    if (threads[track.thread]) continue;
    threads[track.thread] = true;
    if (!processes[track.process]) {
      processes[track.process] = true;
      writer.name({track.process, 0}, "process_name", process_name(chip, record));
    }
    writer.name(track, "thread_name", thread_name(chip, record));
  }
}

void write_steps(EventWriter& writer, const Timeline& timeline, std::string_view word) {
  for (std::size_t i = 0; i < timeline.steps.size(); ++i) {
    const StepInterval& step = timeline.steps[i];
    writer.event({chip_process, steps_thread}, "step", fmt::format("\"{} {}\"", word, i),
                 step.start, step.end, "");
  }
}

}  // namespace

void write_trace(const PreparedRun& prepared, const RunResult& result,
                 const std::filesystem::path& file) {
  const Chip& chip = prepared.chip->chip;
  const SimulationResult& sample = *result.chip->traced;
  std::vector<std::string> layers;  // quoted
  for (const LayerSpec& layer : prepared.network.network().layers()) {
    layers.push_back(Json(layer.name).dump());
  }
  EventWriter writer(file);
  name_tracks(writer, chip, sample);
  write_steps(writer, sample.timeline, chip.spec().array ? "turn" : "step");
  for (const WorkRecord& record : sample.work) {
    const bool barrier = record.unit == WorkUnit::barrier;
    writer.event(track_of(chip, record), activity_name(record),
                 barrier ? "\"barrier\"" : layers[record.layer.index], record.start, record.end,
                 barrier ? fmt::format(R"("step": {})", record.step)
                         : fmt::format(R"("step": {}, "{}": {})", record.step,
                                       count_name(record.unit), record.count));
  }
  Json other = {{"scenario", prepared.scenario.name},
                {"image", prepared.dataset->image_index(0)},
                {"latency_us", microseconds(sample.timeline.latency())}};
  if (sample.work_until) other["units_until_us"] = microseconds(*sample.work_until);
  writer.finish(other);
}

}  // namespace nj

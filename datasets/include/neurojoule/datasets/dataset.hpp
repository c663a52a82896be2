#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "neurojoule/core/yaml.hpp"
#include "neurojoule/datasets/dvs_camera.hpp"
#include "neurojoule/datasets/event_stream.hpp"
#include "neurojoule/datasets/framing.hpp"
#include "neurojoule/datasets/idx.hpp"

namespace nj {

/// Where the images come from.
enum class DatasetSource {
  fashion_mnist  ///< `{train,t10k}-{images-idx3,labels-idx1}-ubyte`, plain or `.gz`, in `path`
};

/// Which part of a data set.
enum class Split { train, test };

/// Which samples, seen how: the `dataset:` block of a scenario.
struct DatasetSpec {
  DatasetSource source = DatasetSource::fashion_mnist;
  /// Directory of the IDX files; the default is where Debian's dataset-fashion-mnist puts them.
  std::filesystem::path path = "/usr/share/datasets/fashion-mnist";
  Split split = Split::test;
  std::uint64_t first = 0;               ///< index of the first image in the split
  std::optional<std::uint64_t> samples;  ///< how many; none: all from `first` on (`samples: all`)
  DvsCamera camera;
  Framing framing;
  friend bool operator==(const DatasetSpec&, const DatasetSpec&) = default;
};

/// Reads a `dataset:` block; keys that are absent keep the defaults of the structs.
///
/// ```yaml
/// source: fashion-mnist
/// path: /usr/share/datasets/fashion-mnist
/// split: test            # train, test
/// first: 0
/// samples: 1000          # or all
/// camera: {width: 34, height: 34, path: [[0, 0], [3, 6], [6, 0], [0, 0]], saccade: 100 ms,
///          step: 1 ms, background: 0.1, threshold: 0.4, threshold_sigma: 0, refractory: 0 us,
///          jitter: 0 us, noise_hz: 0}
/// framing: {timesteps: 4, by: time, values: count, max_value: 15}   # by: count, values: binary
/// ```
/// Throws: Error(config) at the value that is wrong.
DatasetSpec read_dataset_spec(const YamlNode& node);

/// The block with every value written out, each line indented by `indent` spaces;
/// `read_dataset_spec` gives the equal spec back.
std::string to_yaml(const DatasetSpec& spec, int indent);

/// The samples of a spec. Holds the split's images (47 MB at most) and makes events and frames when
/// asked; const members may be called from several threads.
class Dataset {
 public:
  /// Reads the images and labels. `seed` keys the camera's imperfections.
  /// Throws: Error(io) or Error(format) about a file; Error(config) when there are no samples, or
  /// fewer than the spec wants; Error(shape) when the image does not fit the sensor.
  Dataset(DatasetSpec spec, std::uint64_t seed);

  [[nodiscard]] const DatasetSpec& spec() const { return spec_; }
  [[nodiscard]] std::uint64_t seed() const { return seed_; }
  [[nodiscard]] std::uint64_t size() const { return *spec_.samples; }
  /// Index of sample `i` in its split; `i` must be below `size()`, here and below.
  [[nodiscard]] std::uint64_t image_index(std::uint64_t i) const { return spec_.first + i; }
  [[nodiscard]] std::uint32_t label(std::uint64_t i) const { return labels_[image_index(i)]; }
  [[nodiscard]] Image image(std::uint64_t i) const { return images_.image(image_index(i)); }
  /// What the camera sees of sample `i`.
  [[nodiscard]] EventStream events(std::uint64_t i) const;
  /// Input frames of sample `i`, `[T, 2, height, width]`.
  [[nodiscard]] GradedTensor frames(std::uint64_t i) const;

 private:
  DatasetSpec spec_;
  std::uint64_t seed_;
  IdxImages images_;
  std::vector<std::uint8_t> labels_;
};

}  // namespace nj

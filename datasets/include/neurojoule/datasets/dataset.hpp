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
#include "neurojoule/datasets/image_encoding.hpp"
#include "neurojoule/datasets/image_files.hpp"

namespace nj {

/// Where the images come from.
enum class DatasetSource {
  fashion_mnist,  ///< `{train,t10k}-{images-idx3,labels-idx1}-ubyte`, plain or `.gz`, in `path`
  cifar10,        ///< `data_batch_1.bin` .. `data_batch_5.bin` and `test_batch.bin` in `path`
  hdf5,           ///< `path` is a file of `images` and `labels` (see ImageHdf5), without splits
  frames          ///< likewise of `frames` and `labels`: events that are framed already
};

/// Which part of a data set.
enum class Split { train, test };

/// Whether a source has both parts, or is a file with all samples.
bool has_splits(DatasetSource source);

/// Which samples, seen how: the `dataset:` block of a scenario.
struct DatasetSpec {
  DatasetSource source = DatasetSource::fashion_mnist;
  /// Folder of the files, or the HDF5 file; the default is where Debian's dataset-fashion-mnist
  /// puts them.
  std::filesystem::path path = "/usr/share/datasets/fashion-mnist";
  Split split = Split::test;
  std::uint64_t first = 0;               ///< index of the first image in the split
  std::optional<std::uint64_t> samples;  ///< how many; none: all from `first` on (`samples: all`)
  /// Images as they are. None: the camera sees them, colours as luminance.
  std::optional<ImageEncoding> encoding;
  DvsCamera camera;  ///< camera and framing only count without an encoding
  /// Of `frames` only `timesteps` and `max_value` count: what the file must hold.
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
///          jitter: 0 us, noise_hz: 0, image_width: 28, image_height: 28}
/// framing: {timesteps: 4, by: time, values: count, max_value: 15}   # by: count, values: binary
/// # source: frames has neither camera nor encoding, and framing: {timesteps, max_value}
/// # or, in place of camera and framing:
/// encoding: {kind: direct, timesteps: 4, mean: [0.4914, 0.4822, 0.4465],
///            std: [0.2470, 0.2435, 0.2616], scale: 0.015625}   # kind: rate, timesteps
/// ```
/// Throws: Error(config) at the value that is wrong.
DatasetSpec read_dataset_spec(const YamlNode& node);

/// The block with every value written out, each line indented by `indent` spaces;
/// `read_dataset_spec` gives the equal spec back.
std::string to_yaml(const DatasetSpec& spec, int indent);

/// What the frames of a data set are, before any is made.
struct FrameForm {
  FeatureShape shape;
  std::uint32_t timesteps = 0;
  std::int16_t least = 0;
  std::int16_t largest = 1;
  std::optional<double> scale;  ///< what a value of 1 stands for; counts of events do not say
  friend bool operator==(const FrameForm&, const FrameForm&) = default;
};

/// The form of a spec's frames, its files unread. `stored` is the shape of one frame where files
/// tell it: of `frames`, and of encoded images other than those of CIFAR-10.
/// Throws: Error(config), Error(shape) as Dataset for a camera or an encoding that cannot work.
FrameForm frame_form(const DatasetSpec& spec, const FeatureShape& stored);

/// The first file that a spec reads and that is not there; nullopt: all are.
std::optional<std::filesystem::path> absent_file(const DatasetSpec& spec);

/// The samples of a spec. Holds images of the split (1 GiB at most; of HDF5 those that the spec
/// wants), or frames, and makes events and frames when asked; const members may be called from
/// several threads.
class Dataset {
 public:
  /// Reads the images and labels. `seed` keys the camera's imperfections and the rate encoding.
  /// Throws: Error(io) or Error(format) about a file; Error(config) when there are no samples, or
  /// fewer than the spec wants, when frames have other time steps or larger values than it says,
  /// and as ImageEncoder; Error(shape) when the image has neither one
  /// channel nor three, or does not fit the sensor; Error(capacity).
  Dataset(DatasetSpec spec, std::uint64_t seed);

  [[nodiscard]] const DatasetSpec& spec() const { return spec_; }
  [[nodiscard]] std::uint64_t seed() const { return seed_; }
  [[nodiscard]] std::uint64_t size() const { return *spec_.samples; }
  [[nodiscard]] FrameForm form() const;
  /// Index of sample `i` in its split; `i` must be below `size()`, here and below.
  [[nodiscard]] std::uint64_t image_index(std::uint64_t i) const { return spec_.first + i; }
  [[nodiscard]] std::uint32_t label(std::uint64_t i) const { return images_.labels[held_index(i)]; }
  /// `[C, H, W]`; of `frames` `[T C, H, W]`.
  [[nodiscard]] std::span<const std::uint8_t> pixels(std::uint64_t i) const {
    return images_.image(held_index(i));
  }
  /// What the camera sees of sample `i`; there must be a camera: no encoding, and not `frames`.
  [[nodiscard]] EventStream events(std::uint64_t i) const;
  /// Input frames of sample `i`: `[T, 2, height, width]` of events, `[T, C, H, W]` of images.
  [[nodiscard]] GradedTensor frames(std::uint64_t i) const;

 private:
  void read_images();
  void check_frames(std::uint32_t timesteps) const;
  [[nodiscard]] GradedTensor stored_frames(std::uint64_t i) const;
  [[nodiscard]] std::uint64_t held_index(std::uint64_t i) const {
    return image_index(i) - held_from_;
  }

  DatasetSpec spec_;
  std::uint64_t seed_;
  LabelledImages images_;
  std::uint64_t held_from_ = 0;  ///< index of the first image that is held
  std::optional<ImageEncoder> encoder_;
};

}  // namespace nj

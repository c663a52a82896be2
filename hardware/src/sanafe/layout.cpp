#include "layout.hpp"

#include <algorithm>

#include "kernels.hpp"

namespace nj::sanafe {

namespace {

/// The group's own order, or channels innermost.
void place_neurons(const Network& network, Layout& layout) {
  layout.channels_of.assign(network.groups.size(), 0);
  for (const Edge& edge : network.edges) {
    const auto* convolution = std::get_if<ConvolutionEdge>(&edge);
    if (convolution && layout.channels_of[convolution->target] == 0) {
      layout.channels_of[convolution->target] = convolution->kernel_count;
    }
  }
  layout.places = network.neurons();
  layout.place_of.resize(layout.places);
  layout.bias.resize(layout.places + place_padding);
  for (std::size_t g = 0; g < network.groups.size(); ++g) {
    const Group& group = network.groups[g];
    const std::uint32_t channels = std::max(1U, layout.channels_of[g]);
    const std::uint32_t positions = group.size / channels;
    for (std::uint32_t i = 0; i < group.size; ++i) {
      const std::uint32_t place = group.first + (i % positions) * channels + i / positions;
      layout.place_of[group.first + i] = place;
      layout.bias[place] = network.bias[group.first + i];
    }
  }
}

void rank_neurons(const Network& network, Layout& layout) {
  layout.neuron_at = network.order;
  std::stable_sort(layout.neuron_at.begin(), layout.neuron_at.end(),
                   [&](std::uint32_t a, std::uint32_t b) {
                     return network.placements[a].core < network.placements[b].core;
                   });
  layout.rank_of.resize(layout.places);
  layout.site_of.resize(layout.places);
  std::uint32_t core = no_index;
  std::vector<std::uint32_t> site_of_soma;  // of the current core
  for (std::uint32_t rank = 0; rank < layout.places; ++rank) {
    const std::uint32_t neuron = layout.neuron_at[rank];
    const Placement& at = network.placements[neuron];
    if (at.core != core) site_of_soma.clear();
    core = at.core;
    if (site_of_soma.size() <= at.soma) site_of_soma.resize(at.soma + std::size_t{1}, no_index);
    std::uint32_t& site = site_of_soma[at.soma];
    if (site == no_index) {
      site = static_cast<std::uint32_t>(layout.sites.size());
      layout.sites.push_back({.core = core, .soma = at.soma, .neurons = 0});
    }
    ++layout.sites[site].neurons;
    layout.rank_of[layout.place_of[neuron]] = rank;
    layout.site_of[layout.place_of[neuron]] = site;
  }
}

void divide(const Architecture& chip, const Network& network, Layout& layout) {
  std::vector<std::uint32_t> neuron_of(layout.places);
  for (std::uint32_t i = 0; i < layout.places; ++i) neuron_of[layout.place_of[i]] = i;
  for (std::uint32_t place = 0; place < layout.places; ++place) {
    const Site& site = layout.sites[layout.site_of[place]];
    const std::uint32_t parameters = network.parameters_of[neuron_of[place]];
    if (chip.core(site.core).somas[site.soma].model != SomaModel::leaky_integrate_fire ||
        !is_plain(network.parameters[parameters])) {
      continue;
    }
    const bool joins = !layout.segments.empty() &&
                       layout.segments.back().parameters == parameters &&
                       layout.segments.back().begin + layout.segments.back().count == place;
    if (!joins) layout.segments.push_back({.begin = place, .count = 0, .parameters = parameters});
    ++layout.segments.back().count;
  }
  for (Segment& segment : layout.segments) {
    segment.first_word = layout.segment_words;
    layout.segment_words += (segment.count + 63) / 64;
  }
  for (const std::uint32_t neuron : layout.neuron_at) {
    const Site& site = layout.sites[layout.site_of[layout.place_of[neuron]]];
    if (chip.core(site.core).somas[site.soma].model != SomaModel::leaky_integrate_fire ||
        !is_plain(network.parameters[network.parameters_of[neuron]])) {
      layout.others.push_back(neuron);
    }
  }
}

}  // namespace

Layout make_layout(const Architecture& chip, const Network& network) {
  Layout layout;
  place_neurons(network, layout);
  rank_neurons(network, layout);
  divide(chip, network, layout);
  return layout;
}

}  // namespace nj::sanafe

#pragma once

#include <string>

namespace nj::testing {

/// A chip of SANA-FE with round prices that tell every action apart: 3 x 2 tiles of 2 cores.
/// Energies in pJ: message in 1, out 20; synapse 300 (s) or 700 (t); dendrite 0; soma access 4000,
/// update 50,000, spike 600,000. Latencies in ns: message in 1, out 20; synapse 3 or 7; dendrite 0;
/// access 40, update 500, spike 6000. Hops in fJ: east 1, west 2, north 3, south 4.
inline const std::string sanafe_chip = R"(architecture:
  name: round
  attributes: {width: 3, height: 2, link_buffer_size: 4}
  tile:
    - name: tile[0..5]
      attributes:
        {energy_east_hop: 1.0e-15, latency_east_hop: 1.0e-9,
         energy_west_hop: 2.0e-15, latency_west_hop: 2.0e-9,
         energy_north_hop: 3.0e-15, latency_north_hop: 3.0e-9,
         energy_south_hop: 4.0e-15, latency_south_hop: 4.0e-9}
      core:
        - name: core[0..1]
          attributes: {buffer_position: soma, max_neurons_supported: 100}
          axon_in:
            - name: in
              attributes: {energy_message_in: 1.0e-12, latency_message_in: 1.0e-9}
          synapse:
            - name: s
              attributes: {model: current_based, energy_process_spike: 300.0e-12, latency_process_spike: 3.0e-9}
            - name: t
              attributes: {model: current_based, energy_process_spike: 700.0e-12, latency_process_spike: 7.0e-9}
          dendrite:
            - name: sum
              attributes: {model: accumulator, energy_update: 0.0, latency_update: 0.0}
            - name: later
              attributes: {model: accumulator_with_delay, energy_update: 0.0, latency_update: 0.0}
            - name: line[0..3]
              attributes: {model: taps, energy_update: 0.0, latency_update: 0.0}
          soma:
            - name: lif
              attributes: {model: leaky_integrate_fire,
                energy_access_neuron: 4.0e-9, latency_access_neuron: 40.0e-9,
                energy_update_neuron: 50.0e-9, latency_update_neuron: 500.0e-9,
                energy_spike_out: 600.0e-9, latency_spike_out: 6000.0e-9}
            - name: digital
              attributes: {model: truenorth,
                energy_access_neuron: 0.0, latency_access_neuron: 0.0,
                energy_update_neuron: 0.0, latency_update_neuron: 0.0,
                energy_spike_out: 0.0, latency_spike_out: 0.0}
            - name: stimulus[0..49]
              attributes: {model: input,
                energy_access_neuron: 0.0, latency_access_neuron: 0.0,
                energy_update_neuron: 0.0, latency_update_neuron: 0.0,
                energy_spike_out: 0.0, latency_spike_out: 0.0}
          axon_out:
            - name: out
              attributes: {energy_message_out: 20.0e-12, latency_message_out: 20.0e-9}
)";

}  // namespace nj::testing

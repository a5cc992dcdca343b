#pragma once

#include <string>

namespace kiln::images {

/// What a layer is encrypted with: LUKS in the qcow2 file, AES-256 in XTS mode. An overlay of an
/// encrypted layer has the same key, so that what a guest writes is never in clear.
struct LayerKey {
    std::string id;          // a UUID; the key is libvirt's secret of that UUID
    std::string passphrase;  // never on a command line, in a log, a message or a file of ours
};

/// A new key: 256 random bits in hexadecimal digits.
LayerKey generate_layer_key();

}  // namespace kiln::images

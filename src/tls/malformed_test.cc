// SPDX-License-Identifier: Apache-2.0
// malformed_test.cc: the certificates that a verifier must refuse, one change each to a good one.
#include "base/encode.h"
#include "tls/forge_test.h"

namespace meshd {
namespace {

void set_id(World& w, const std::string& uri) { w.leaf.extensions[kNames] = alt_names({{'U', uri}}); }

// A public key of 1024 bits; its private half was thrown away.
const char* const kRsa1024 =
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCtmB2nO3GZKR0+JeDWvqbo43LruuOEHlQz2Uxqd12VBEtpOLZGT22XkkCe"
    "Laafi7+UWemmOS29GQyUpxmxZtw39ZyhLLp4kqucRcBCvSfmhtKEViffj7S6tNjmVzqVKJVtki7+T6rYHQC7cAYjH2ZKlSpq"
    "HznTDMkWgPX1wPM4qwIDAQAB";

const Malformed kMalformed[] = {
    {"two URI SANs",
     [](World& w) {
       w.leaf.extensions[kNames] =
           alt_names({{'U', "spiffe://td.example/ns/a/sa/b"}, {'U', "spiffe://td.example/ns/a/sa/c"}});
     }},
    {"the same URI SAN twice",
     [](World& w) {
       w.leaf.extensions[kNames] =
           alt_names({{'U', "spiffe://td.example/ns/a/sa/b"}, {'U', "spiffe://td.example/ns/a/sa/b"}});
     }},
    {"DNS SAN only", [](World& w) { w.leaf.extensions[kNames] = alt_names({{'D', "td.example"}}); }},
    {"no SAN", [](World& w) { w.leaf.extensions.pop_back(), w.leaf.subject = "b"; }},
    {"id without a path", [](World& w) { set_id(w, "spiffe://td.example"); }},
    {"id with an empty path", [](World& w) { set_id(w, "spiffe://td.example/"); }},
    {"foreign trust domain", [](World& w) { set_id(w, "spiffe://other.example/ns/a/sa/b"); }},
    {"scheme https", [](World& w) { set_id(w, "https://td.example/ns/a/sa/b"); }},
    {"upper-case scheme", [](World& w) { set_id(w, "SPIFFE://td.example/ns/a/sa/b"); }},
    {"upper-case trust domain", [](World& w) { set_id(w, "spiffe://TD.example/ns/a/sa/b"); }},
    {"port in the trust domain", [](World& w) { set_id(w, "spiffe://td.example:443/ns/a/sa/b"); }},
    {"userinfo", [](World& w) { set_id(w, "spiffe://user@td.example/ns/a/sa/b"); }},
    {"percent-encoding in the path", [](World& w) { set_id(w, "spiffe://td.example/ns/a/sa/%62"); }},
    {".. segment", [](World& w) { set_id(w, "spiffe://td.example/ns/a/../sa/b"); }},
    {". segment", [](World& w) { set_id(w, "spiffe://td.example/ns/a/./sa/b"); }},
    {"trailing slash", [](World& w) { set_id(w, "spiffe://td.example/ns/a/sa/b/"); }},
    {"empty segment", [](World& w) { set_id(w, "spiffe://td.example/ns//a/sa/b"); }},
    {"query", [](World& w) { set_id(w, "spiffe://td.example/ns/a/sa/b?x=1"); }},
    {"fragment", [](World& w) { set_id(w, "spiffe://td.example/ns/a/sa/b#x"); }},
    {"a NUL byte", [](World& w) { set_id(w, std::string("spiffe://td.example/ns/a/sa/b\0.evil", 35)); }},
    {"id over 2048 bytes",
     [](World& w) { set_id(w, "spiffe://td.example/ns/a/sa/" + std::string(2048 - 27, 'b')); }},
    {"CA:true leaf with keyCertSign",
     [](World& w) {
       w.leaf.extensions[kConstraints] = basic_constraints(true);
       w.leaf.extensions[kUsage] = key_usage(kSign | kCertSign);
     }},
    {"CA:true leaf", [](World& w) { w.leaf.extensions[kConstraints] = basic_constraints(true); }},
    {"CA:false with keyCertSign", [](World& w) { w.leaf.extensions[kUsage] = key_usage(kSign | kCertSign); }},
    {"CA:false with cRLSign", [](World& w) { w.leaf.extensions[kUsage] = key_usage(kSign | kCrlSign); }},
    {"no keyUsage", [](World& w) { w.leaf.extensions.erase(w.leaf.extensions.begin() + kUsage); }},
    {"keyUsage without digitalSignature", [](World& w) { w.leaf.extensions[kUsage] = key_usage(kEncipher); }},
    {"keyUsage not critical", [](World& w) { w.leaf.extensions[kUsage] = key_usage(kSign, false); }},
    {"no extended key usage",
     [](World& w) { w.leaf.extensions.erase(w.leaf.extensions.begin() + kExtended); }},
    {"expired", [](World& w) { w.leaf.validity.not_after = kNow - 1; }},
    {"not yet valid", [](World& w) { w.leaf.validity.not_before = kNow + 1; }},
    {"unknown critical extension", [](World& w) { w.leaf.extensions.push_back(unknown_critical()); }},
    {"an extension twice", [](World& w) { w.leaf.extensions.push_back(w.leaf.extensions[kNames]); }},
    {"SHA-1 signature", [](World& w) { w.leaf.sha1 = true; }},
    {"SHA-1 signature on the issuing certificate", [](World& w) { w.issuing.sha1 = true; }},
    {"RSA-1024 key", [](World& w) { w.leaf.spki = *from_base64(kRsa1024); }},
    {"issued by a CA without keyCertSign", [](World& w) { w.issuing.extensions[1] = key_usage(kCrlSign); }},
    {"issued by a CA without keyUsage", [](World& w) { w.issuing.extensions.pop_back(); }},
    {"issued by one with CA:false", [](World& w) { w.issuing.extensions[0] = basic_constraints(false); }},
    {"issued by one without basic constraints",
     [](World& w) { w.issuing.extensions.erase(w.issuing.extensions.begin()); }},
    {"issued by a version 1 certificate",
     [](World& w) { w.issuing.version = 1, w.issuing.extensions.clear(); }},
    {"through an expired intermediate", [](World& w) { w.issuing.validity.not_after = kNow - 1; }},
    {"through an intermediate of the future", [](World& w) { w.issuing.validity.not_before = kNow + 1; }},
    {"under an expired root", [](World& w) { w.root.validity.not_after = kNow - 1; }},
    {"through an intermediate of another trust domain",
     [](World& w) { w.issuing.extensions.push_back(alt_names({{'U', "spiffe://other.example"}}, false)); }},
};

}  // namespace

std::span<const Malformed> malformed() { return kMalformed; }

}  // namespace meshd

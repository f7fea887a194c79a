// SPDX-License-Identifier: Apache-2.0
// bind_token.cc: step 3 of 4, one part: issuers of tokens. Reads jwt. Next: check_model.cc
#include "model/bind_token.h"

namespace meshd::model {
namespace {

// What cannot be fetched as it is written; null: it can.
const char* problem_of_url(std::string_view url) {
  if (!url.starts_with("https://")) return " does not begin with https://";
  std::string_view host = url.substr(8, url.find_first_of("/?#", 8) - 8);
  if (host.empty() || host.contains('@')) return " names no host";
  for (char c : url)
    if (static_cast<unsigned char>(c) <= ' ' || static_cast<unsigned char>(c) >= 0x7f)
      return " has a character that no address has";
  return url.contains('#') ? " has a fragment" : nullptr;
}

class IssuerBinder {
 public:
  explicit IssuerBinder(Findings& findings) : findings_(findings) {}

  Issuer issuer(const YamlPair& pair) {
    Issuer out;
    out.at = pair.key.at;
    out.name = pair.key.text;
    Reader r(pair.value, "jwt.*");
    out.issuer = r.text("issuer");
    if (r.has("issuer") && out.issuer.empty()) malformed(*r.find("issuer"), " is no issuer");
    out.audiences = r.texts("audiences");
    if (const YamlNode* n = r.find("audiences"); n && n->kind == YamlNode::list && n->items.empty())
      findings_.error(md::missing_key, r.at("audiences"), 9, "an empty list").hint =
          "leave the key out to take tokens for anybody";
    else if (!n)
      findings_
          .warning(md::any_audience, out.at, pair.key.length,
                   "tokens of " + in_quotes(out.name) + " are taken whomever they are for")
          .hint = "write audiences: [NAME], as the issuer writes it into `aud`";
    keys(r, out);
    return out;
  }

 private:
  void keys(const Reader& issuer, Issuer& out) {
    Reader r = issuer.below("jwks");
    KeySource& k = out.keys;
    k.file = r.text("file");
    k.url = r.text("url");
    k.roots = r.text("roots");
    k.refresh = r.duration("refresh");
    if (r.has("file") && r.has("url"))
      findings_.error(md::duplicate_key, r.at("url"), 3, "keys come from a file or a url, not from both");
    for (std::string_view key : {"file", "roots"})
      if (const YamlNode* n = r.find(key); n && !n->text.starts_with('/'))
        malformed(*n, " is not an absolute path");
    if (const YamlNode* n = r.find("url")) {
      if (const char* why = problem_of_url(n->text)) malformed(*n, why);
    } else if (const YamlNode* name = issuer.find("issuer"); name && !r.has("file") && !out.issuer.empty()) {
      // Discovery asks the issuer itself.
      if (const char* why = problem_of_url(out.issuer))
        malformed(*name, why).hint =
            "its keys cannot be found by discovery: write jwks: { url: https://… } or { file: /… }";
    }
  }

  Diagnostic& malformed(const YamlNode& n, const char* what) {
    return findings_.error(md::malformed, n.at, n.length, in_quotes(n.text) + what);
  }

  Findings& findings_;
};

}  // namespace

std::vector<Issuer> bind_issuers(const Reader& top, Findings& findings) {
  std::vector<Issuer> out;
  IssuerBinder binder(findings);
  if (const YamlNode* all = top.find("jwt"))
    for (const YamlPair& pair : all->pairs)
      if (is_dns_label(pair.key.text)) out.push_back(binder.issuer(pair));
  return out;
}

TokenMatch bind_token_match(const Reader& of) {
  TokenMatch out;
  if (!of.has("jwt")) return out;
  Reader r = of.below("jwt");
  out.at = of.at("jwt");
  out.issuer = r.text("issuer");
  out.issuer_at = r.at("issuer");
  out.claims = r.words("claims");
  return out;
}

}  // namespace meshd::model

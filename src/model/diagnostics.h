// SPDX-License-Identifier: Apache-2.0
// diagnostics.h: the codes of all findings, stable, and the list that a parse run collects them in.
#pragma once
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "model/config.h"

namespace meshd::model {

namespace md {
inline constexpr std::string_view not_text = "MD1001", syntax = "MD1002", duplicate_key = "MD1003",
                                  unknown_key = "MD1004", wrong_type = "MD1005", missing_key = "MD1006",
                                  yaml_feature = "MD1007", too_much = "MD1008", unit = "MD1010",
                                  range = "MD1011", choice = "MD1012", bad_name = "MD1013",
                                  malformed = "MD1014", unsupported = "MD1020", no_effect = "MD1021",
                                  unknown_service = "MD2001", unknown_tag = "MD2002", zero_weights = "MD2003",
                                  duplicate_instance = "MD2004", duplicate_listen = "MD2005",
                                  unreachable_route = "MD2006", no_default_route = "MD2007",
                                  any_local_twice = "MD2008", duplicate_name = "MD2009",
                                  unknown_reference = "MD2010", never_matches = "MD2011",
                                  any_audience = "MD2012";
}  // namespace md

struct CodeDoc {
  std::string_view code, meaning;
};
inline constexpr std::array kCodes{
    CodeDoc{md::not_text, "the file is too large, or not UTF-8 text"},
    CodeDoc{md::syntax, "the text is not YAML"},
    CodeDoc{md::duplicate_key, "a key stands twice in one map"},
    CodeDoc{md::unknown_key, "a key that does not exist here"},
    CodeDoc{md::wrong_type, "a value of another kind than the key takes"},
    CodeDoc{md::missing_key, "a required key is missing"},
    CodeDoc{md::yaml_feature,
            "a part of YAML that is not accepted: anchors, aliases, tags, several documents, keys that are "
            "not text"},
    CodeDoc{md::too_much, "nested too deeply, or too many values"},
    CodeDoc{md::unit, "a number without its unit, or with an unknown one"},
    CodeDoc{md::range, "a number out of its range"},
    CodeDoc{md::choice, "not one of the words the key takes"},
    CodeDoc{md::bad_name, "a name that cannot be one"},
    CodeDoc{md::malformed, "an address, path, caller or request that cannot be read"},
    CodeDoc{md::unsupported,
            "this version cannot do it, and leaving it out would weaken security or send traffic elsewhere"},
    CodeDoc{md::no_effect, "this version does not act on the key (warning)"},
    CodeDoc{md::unknown_service, "a service that the file does not have"},
    CodeDoc{md::unknown_tag, "a tag that no instance of the service has"},
    CodeDoc{md::zero_weights, "weights whose sum is zero"},
    CodeDoc{md::duplicate_instance, "two instances at one place"},
    CodeDoc{md::duplicate_listen, "two listeners on one port"},
    CodeDoc{md::unreachable_route, "an earlier route takes all that this one matches (warning)"},
    CodeDoc{md::no_default_route, "requests that none of a service's routes matches are refused (warning)"},
    CodeDoc{md::any_local_twice, "two services claim a node's unidentified callers"},
    CodeDoc{md::duplicate_name, "a name is used twice"},
    CodeDoc{md::unknown_reference, "a route, rule or issuer that the file does not have"},
    CodeDoc{md::never_matches, "conditions that nothing can meet (warning)"},
    CodeDoc{md::any_audience, "an issuer's tokens are taken whomever they are for (warning)"},
};

// Findings of one run. Bounded, so that a hostile file cannot make an endless report.
class Findings {
 public:
  static constexpr size_t kMax = 200;

  // The reference returned may be used to add a hint before the next finding.
  Diagnostic& error(std::string_view code, SourcePos at, uint32_t length, std::string message) {
    return add(Diagnostic::error, code, at, length, std::move(message));
  }
  Diagnostic& warning(std::string_view code, SourcePos at, uint32_t length, std::string message) {
    return add(Diagnostic::warning, code, at, length, std::move(message));
  }
  bool has_errors() const { return errors_ > 0; }
  // Nothing more will be shown: hints are not worth their time.
  bool full() const { return list_.size() >= kMax; }
  // In file order; empties this.
  std::vector<Diagnostic> take();

 private:
  Diagnostic& add(Diagnostic::Severity severity, std::string_view code, SourcePos at, uint32_t length,
                  std::string message);
  std::vector<Diagnostic> list_;
  Diagnostic overflow_;
  size_t errors_ = 0, dropped_ = 0;
};

// The candidate nearest to `word` by edit distance, if near enough to have been meant; else empty. Looks at kCandidatesMax at most.
inline constexpr size_t kCandidatesMax = 5000;
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates);
// "did you mean 'x'?" or empty.
std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& candidates);
// "a, b or c", at most `max` of them.
std::string list_words(const std::vector<std::string_view>& words, size_t max = 12);
// The word between single quotes, with control characters made visible and cut to a readable length.
std::string in_quotes(std::string_view word);

}  // namespace meshd::model

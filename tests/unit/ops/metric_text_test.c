/* The text format of Prometheus, to the byte. */
#include "ops/metric_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "ops/metric_plugins.h"

static struct buf text;
static struct metric_out out = {.buf = &text};

static int setup(void **state)
{
  (void)state;
  buf_free(&text);
  out.has_labels = true; /* left by an earlier one */
  return 0;
}

static int teardown(void **state)
{
  (void)state;
  buf_free(&text);
  return 0;
}

static void expect(const char *wanted)
{
  buf_put_char(&text, '\0');
  assert_false(text.failed);
  assert_string_equal(text.data, wanted);
  buf_free(&text);
}

static void a_family_has_help_and_type(void **state)
{
  (void)state;
  metric_single(&out, "x_total", "counter", "what \"x\" is\\\nand is not", INT64_MIN);
  expect("# HELP x_total what \"x\" is\\\\\\nand is not\n"
         "# TYPE x_total counter\n"
         "x_total -9223372036854775808\n");
}

static void labels_are_escaped(void **state)
{
  (void)state;
  metric_name(&out, "x");
  metric_label(&out, "a", STR("say \"hi\"\\\n"));
  metric_label_number(&out, "b", 17);
  metric_value(&out, 3);
  metric_name(&out, "x");
  metric_value(&out, 4);
  expect("x{a=\"say \\\"hi\\\"\\\\\\n\",b=\"17\"} 3\nx 4\n");
}

static void times_are_in_seconds(void **state)
{
  (void)state;
  static const uint64_t us[] = {0, 1, 50, 100000, 250000, 1000000, 10000001, UINT64_MAX};
  for (size_t i = 0; i < sizeof us / sizeof *us; i++) {
    metric_name(&out, "t");
    metric_value_us(&out, us[i]);
  }
  expect("t 0\nt 0.000001\nt 0.00005\nt 0.1\nt 0.25\nt 1\nt 10.000001\n"
         "t 18446744073709.551615\n");
}

static void histograms_are_cumulative(void **state)
{
  (void)state;
  struct histogram_counts counts;
  static const uint64_t us[] = {0, 50, 51, 10000000, 10000001, 1234567890123};
  for (size_t i = 0; i < sizeof us / sizeof *us; i++)
    histogram_observe(HISTOGRAM_delivery, us[i]);
  histogram_read(HISTOGRAM_delivery, &counts);
  assert_int_equal(counts.up_to[0], 2);
  assert_int_equal(counts.up_to[1], 3);
  assert_int_equal(counts.up_to[HISTOGRAM_BOUNDS - 1], 4);
  assert_int_equal(counts.up_to[HISTOGRAM_BOUNDS], 6);
  metric_histogram(&out, "t_seconds", "time", &counts);
  expect("# HELP t_seconds time\n"
         "# TYPE t_seconds histogram\n"
         "t_seconds_bucket{le=\"0.00005\"} 2\n"
         "t_seconds_bucket{le=\"0.0001\"} 3\n"
         "t_seconds_bucket{le=\"0.00025\"} 3\n"
         "t_seconds_bucket{le=\"0.0005\"} 3\n"
         "t_seconds_bucket{le=\"0.001\"} 3\n"
         "t_seconds_bucket{le=\"0.0025\"} 3\n"
         "t_seconds_bucket{le=\"0.005\"} 3\n"
         "t_seconds_bucket{le=\"0.01\"} 3\n"
         "t_seconds_bucket{le=\"0.025\"} 3\n"
         "t_seconds_bucket{le=\"0.05\"} 3\n"
         "t_seconds_bucket{le=\"0.1\"} 3\n"
         "t_seconds_bucket{le=\"0.25\"} 3\n"
         "t_seconds_bucket{le=\"0.5\"} 3\n"
         "t_seconds_bucket{le=\"1\"} 3\n"
         "t_seconds_bucket{le=\"2.5\"} 3\n"
         "t_seconds_bucket{le=\"5\"} 3\n"
         "t_seconds_bucket{le=\"10\"} 4\n"
         "t_seconds_bucket{le=\"+Inf\"} 6\n"
         "t_seconds_sum 1234587.890225\n"
         "t_seconds_count 6\n");
}

static void plugins_names_get_base_units(void **state)
{
  (void)state;
  static const struct {
    const char *name;
    bool is_gauge;
    const char *family;
    unsigned us;
  } rows[] = {{"published", false, "plugboard_plugin_published_total", 0},
              {"published_total", false, "plugboard_plugin_published_total", 0},
              {"queue", true, "plugboard_plugin_queue", 0},
              {"rtt_us", true, "plugboard_plugin_rtt_seconds", 1},
              {"down_ms", false, "plugboard_plugin_down_seconds_total", 1000},
              {"down_ms_total", false, "plugboard_plugin_down_seconds_total", 1000},
              {"_us", true, "plugboard_plugin__us", 0},
              {"_total", false, "plugboard_plugin__total_total", 0}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char family[METRIC_PLUGIN_NAME_MAX];
    unsigned us;
    metric_plugin_family(rows[i].name, rows[i].is_gauge, family, &us);
    assert_string_equal(family, rows[i].family);
    assert_int_equal(us, rows[i].us);
  }
}

int main(void)
{
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_family_has_help_and_type, setup, teardown),
      cmocka_unit_test_setup_teardown(labels_are_escaped, setup, teardown),
      cmocka_unit_test_setup_teardown(times_are_in_seconds, setup, teardown),
      cmocka_unit_test_setup_teardown(histograms_are_cumulative, setup, teardown),
      cmocka_unit_test(plugins_names_get_base_units),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

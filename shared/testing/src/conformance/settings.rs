//! Settings of the file.

use super::{Bench, Engine};
use queue_core::error::Error;
use queue_core::queue::Queue;
use queue_core::settings::{FileSetting, FileSettings};

pub fn a_setting_holds_for_every_handle_until_it_is_unset<E: Engine>() {
    let bench = Bench::<E>::default();
    let another = bench.another();
    assert_eq!(another.settings().unwrap(), FileSettings::default());
    for setting in FileSetting::ALL {
        let (least, most) = setting.bounds();
        let change = |value| bench.queue.change_setting(setting, value).unwrap();
        for value in [least, most] {
            assert!(change(Some(value)));
            assert!(!change(Some(value)), "it is set already");
            assert_eq!(another.settings().unwrap().get(setting), value);
        }
    }
    for setting in FileSetting::ALL {
        assert!(another.change_setting(setting, None).unwrap());
        assert!(!another.change_setting(setting, None).unwrap());
    }
    assert_eq!(bench.queue.settings().unwrap(), FileSettings::default());
}

pub fn a_setting_out_of_bounds_is_refused_and_changes_nothing<E: Engine>() {
    let bench = Bench::<E>::default();
    for setting in FileSetting::ALL {
        let (least, most) = setting.bounds();
        for value in [0, least - 1, most + 1, u64::MAX] {
            let error = bench
                .queue
                .change_setting(setting, Some(value))
                .unwrap_err();
            assert!(matches!(error, Error::Invalid { .. }), "{error}");
        }
    }
    assert_eq!(bench.queue.settings().unwrap(), FileSettings::default());
}
